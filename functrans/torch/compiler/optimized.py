"""Modules that run as programs: what ``torch.compile(module)`` returns."""

from __future__ import annotations

from typing import Any

from functrans.compile.executors import Executor
from functrans.torch.compiler.compiled import Compiled
from functrans.torch.nn.module import Module


class OptimizedModule(Module):
    """A module that calls another one as a program; all else is that one's.

    Attributes
    ----------
    _orig_mod : Module
        The other one, whose parameters it has.
    """

    _orig_mod: Any

    def __init__(self, module: Module, executor: Executor, fullgraph: bool) -> None:
        super().__init__()
        self._orig_mod = module
        self.__dict__["_call"] = Compiled(module, executor, fullgraph)
        self.training = module.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module as a program."""
        return self.__dict__["_call"](*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return super().__getattr__(name)
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_orig_mod", "training"):
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._orig_mod, name)

    def __len__(self) -> int:
        return len(self._orig_mod)

    def __iter__(self) -> Any:
        return iter(self._orig_mod)

    def __getitem__(self, key: Any) -> Any:
        return self._orig_mod[key]
