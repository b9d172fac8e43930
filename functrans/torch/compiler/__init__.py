"""``torch.compiler``: programs of functions and modules of tensors, and where there are none."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from functrans.compile.executors import NUMPY, executor
from functrans.core.errors import GraphBreakError
from functrans.torch import engine
from functrans.torch.compiler.compiled import STANCES, Compiled, Stance, all_compiled, settings
from functrans.torch.compiler.optimized import OptimizedModule as OptimizedModule
from functrans.torch.nn.module import Module

BACKENDS = ("inductor", "aot_eager", "eager")

MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Run a function of tensors, or a module, as a program.

    It is staged at the first call of each kind (shapes and dtypes of tensors, other arguments,
    ``training`` of modules, whether gradients are recorded) and runs as native code if llvmlite is
    there, on NumPy otherwise. Gradients flow through it, second ones too; buffers and arguments
    that it writes to are written to, and random numbers are those that it would draw uncompiled.

    Parameters
    ----------
    model : callable or Module, optional
        Without it a decorator is returned.
    fullgraph : bool
        Raise where the function cannot be staged, instead of a warning and a call as it is. Then
        Python statements of it may have run twice.
    dynamic : bool, optional
        Accepted for PyTorch's sake: each shape has its program.
    backend : {"inductor", "aot_eager", "eager"}
        Native code where it is there; programs that run on NumPy; no programs.
    mode : str, optional
        One of PyTorch's; all mean the same.
    options : dict, optional
        Options of PyTorch's compiler, which mean nothing here.
    disable : bool
        Return the function as it is.

    Returns
    -------
    callable or OptimizedModule

    Raises
    ------
    RuntimeError
        There is no such backend or mode, or a mode is given together with options.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> @torch.compile
    ... def f(x):
    ...     return (x.sin() ** 2 + x.cos() ** 2).sum()
    >>> x = torch.ones(3, requires_grad=True)
    >>> f(x)
    tensor(3., grad_fn=<CompiledFunctionBackward>)
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if backend not in BACKENDS:
        raise RuntimeError(f"Invalid backend: {backend!r}; functrans.torch has {list(BACKENDS)}")
    if mode is not None and mode not in MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(MODES)}")
    if model is None:
        return lambda found: compile(
            found,
            fullgraph=fullgraph,
            dynamic=dynamic,
            backend=backend,
            mode=mode,
            options=options,
            disable=disable,
        )
    if not callable(model):
        raise TypeError(f"torch.compile takes a function or a module, got {type(model).__name__}")
    if disable or backend == "eager":
        return model
    chosen = NUMPY if backend == "aot_eager" else executor()
    if isinstance(model, Module):
        return OptimizedModule(model, chosen, fullgraph)
    return Compiled(model, chosen, fullgraph)


def reset() -> None:
    """Forget the programs of all compiled functions."""
    for compiled in list(all_compiled):
        compiled.reset()


def is_compiling() -> bool:
    """Whether this thread is staging a function.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.compiler.is_compiling()
    False
    """
    return engine.mode.staging


is_dynamo_compiling = is_compiling


def disable(
    fn: Callable[..., Any] | None = None, recursive: bool = True, *, reason: Any = None
) -> Any:
    """Mark a function that is not to be part of a program: those that call it run as they are.

    Raises
    ------
    GraphBreakError
        It is called by a function that is staged with ``fullgraph=True``.
    """
    if fn is None:
        return lambda found: disable(found, recursive, reason=reason)

    @wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        if engine.mode.staging:
            why = f": {reason}" if reason is not None else ""
            name = getattr(fn, "__name__", type(fn).__name__)
            raise GraphBreakError(f"{name} is marked by torch.compiler.disable{why}.")
        return fn(*args, **kwargs)

    return call


def allow_in_graph(fn: Any) -> Any:
    """Return the function: all functions of tensors are staged."""
    return fn


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """The backends of `compile`."""
    return sorted(BACKENDS)


class set_stance:
    """What calls of compiled functions do from now on, or within a ``with`` block.

    Parameters
    ----------
    stance : {"default", "force_eager", "eager_on_recompile", "fail_on_recompile"}
        Programs are made and run; none is run; none is made, and where there is none the function
        runs as it is, or it is an error.

    Raises
    ------
    RuntimeError
        There is no such stance.
    """

    def __init__(self, stance: Stance = "default") -> None:
        if stance not in STANCES:
            raise RuntimeError(f"invalid torch.compile stance {stance!r}; there are {STANCES}")
        self._before: Stance = settings.stance
        settings.stance = stance

    def __enter__(self) -> None:
        """The stance holds since it was made."""

    def __exit__(self, *exc: object) -> None:
        settings.stance = self._before


def _compile(self: Module, *args: Any, **kwargs: Any) -> None:
    """Have the module's ``forward`` run as a program, in place; options are those of `compile`."""
    self.__dict__["forward"] = compile(self.forward, *args, **kwargs)


Module.compile = _compile  # type: ignore[attr-defined]
