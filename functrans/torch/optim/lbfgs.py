"""L-BFGS in place: `functrans.optim.lbfgs` over the memory of the parameters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from functrans import optim
from functrans.torch.autograd import no_grad
from functrans.torch.engine import EngineArray
from functrans.torch.optim.elementwise import Memory, check_options
from functrans.torch.optim.optimizer import Optimizer, evaluated
from functrans.torch.tensor import Tensor, wrap


class LBFGS(Optimizer):
    """Quasi-Newton steps, for smooth functions whose gradients are exact.

    See `functrans.optim.lbfgs`. All parameters are in one group, and ``step`` needs a closure.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> x = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = torch.optim.LBFGS([x], max_iter=50, line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    ...     loss.backward()
    ...     return loss
    >>> _ = optimizer.step(closure)
    >>> x
    tensor([1.0000, 1.0000], dtype=torch.float64, requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_options(lr=lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to ``max_iter`` iterations.

        Parameters
        ----------
        closure : callable
            Sets the gradients to zero, computes the loss, calls ``backward`` and returns the loss.

        Returns
        -------
        loss
            What the closure returned first.

        Raises
        ------
        RuntimeError
            There is no closure, or `line_search_fn` is unknown.
        """
        if closure is None:
            raise RuntimeError("LBFGS: step needs a closure, which evaluates the loss again")
        (group,) = self.param_groups
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        params = group["params"]
        losses: list[Any] = []

        def objective(flat: Memory) -> tuple[float, Memory]:
            if losses:  # at first the parameters have what was gathered
                _scatter(flat, params)
            losses.append(evaluated(closure))
            return float(losses[-1]), _gather([p.grad for p in params], params)

        options = {name: group[name] for name in self.defaults if name != "lr"}
        with no_grad():
            start = _gather(params, params)
            update = optim.lbfgs(float(group["lr"]), **options).update
            state = self.state[params[0]]
            end, new = update(objective, _from_layout(state, start), start)
            if end is not start:
                _scatter(end, params)
        _to_layout(new, state)
        return losses[0]


def _real(memory: Memory) -> list[Memory]:
    """The real arrays of a memory: one, or two of complex numbers."""
    return [memory.real, memory.imag] if memory.dtype.kind == "c" else [memory]


def _gather(tensors: list[Any], params: list[Tensor]) -> Memory:
    """All elements in one axis; zeros for None."""
    parts = [
        np.zeros(param.numel(), part.dtype) if x is None else _real(x.numpy_memory())[i].reshape(-1)
        for x, param in zip(tensors, params, strict=True)
        for i, part in enumerate(_real(param.numpy_memory()))
    ]
    return np.concatenate(parts)


def _scatter(flat: Memory, params: list[Tensor]) -> None:
    """Write all elements into the parameters."""
    places = [(p, part) for p in params for part in _real(p.numpy_memory())]
    ends = np.cumsum([0, *(part.size for _, part in places)])
    for (param, part), (start, end) in zip(places, pairwise(ends), strict=True):
        part[...] = flat[start:end].reshape(part.shape)
        param.array.version[0] += 1


def _tensor(x: Memory) -> Tensor:
    return wrap(EngineArray(np.asarray(x)))


def _from_layout(state: dict[str, Any], flat: Memory) -> optim.LbfgsState:
    """The state as `functrans.optim` has it, from PyTorch's entries."""
    if not state.get("n_iter"):
        return optim.lbfgs().init(flat)._replace(evaluations=state.get("func_evals", 0))
    pairs = zip(state["old_dirs"], state["old_stps"], strict=True)
    return optim.LbfgsState(
        iterations=state["n_iter"],
        evaluations=state["func_evals"],
        direction=state["d"].numpy_memory(),
        length=float(state["t"]),
        gradient=state["prev_flat_grad"].numpy_memory(),
        differences=tuple((y.numpy_memory(), s.numpy_memory()) for y, s in pairs),
        scale=float(state["H_diag"]),
    )


def _to_layout(new: optim.LbfgsState, state: dict[str, Any]) -> None:
    """PyTorch's entries of a state."""
    state.update(func_evals=new.evaluations, n_iter=new.iterations)
    if new.iterations:
        state.update(
            d=_tensor(new.direction),
            t=new.length,
            old_dirs=[_tensor(y) for y, _ in new.differences],
            old_stps=[_tensor(s) for _, s in new.differences],
            ro=[_tensor(1.0 / (y @ s)) for y, s in new.differences],
            H_diag=new.scale,
            prev_flat_grad=_tensor(new.gradient),
        )
