"""Schedulers that go up and down within an epoch, with the momentum the other way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from functrans.optim import schedules
from functrans.torch.optim.lr_scheduler.base import (
    LRScheduler,
    check_optimizer,
    for_groups,
    packed,
    set_value,
)
from functrans.torch.optim.optimizer import Optimizer


class _WithMomentum(LRScheduler):
    """What both have: the momentum of the groups, or the first of their betas."""

    cycle_momentum: bool

    def _begin_momentum(self, optimizer: Optimizer, base: Any, top: Any, set_first: bool) -> None:
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            )
        self.use_beta1 = "betas" in optimizer.defaults
        tops = for_groups("max_momentum", optimizer, top)
        bases = for_groups("base_momentum", optimizer, base)
        if set_first:
            for high, low, group in zip(tops, bases, optimizer.param_groups, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"] = high
                group["base_momentum"] = low

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_WithMomentum):
    """Up and down again, over and over; see `functrans.optim.cyclic_lr`.

    Momentum goes from `max_momentum` to `base_momentum` as the rate goes up.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        bases = for_groups("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for rate, group in zip(bases, optimizer.param_groups, strict=True):
                set_value(group, "lr", rate)
        self.max_lrs = for_groups("max_lr", optimizer, max_lr)
        self.step_size_up = float(step_size_up)
        self.step_size_down = float(step_size_up if step_size_down is None else step_size_down)
        self.mode: Any = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode: Any = scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums = for_groups("base_momentum", optimizer, base_momentum)
            self.max_momentums = for_groups("max_momentum", optimizer, max_momentum)
            self._begin_momentum(optimizer, base_momentum, max_momentum, last_epoch == -1)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = bases

    def _at(self, first: float, top: float) -> float:
        value: float = schedules.cyclic_lr(
            first,
            top,
            self.step_size_up,
            self.step_size_down,
            mode=self.mode,
            gamma=self.gamma,
            scale_fn=self._scale_fn_custom,
            scale_mode=self.scale_mode,
        )(self.last_epoch)
        return value

    def get_lr(self) -> list[Any]:
        """The rates of this step; sets the momenta."""
        self._check_within_step()
        if self.cycle_momentum:
            groups = self.optimizer.param_groups
            pairs = zip(self.max_momentums, self.base_momentums, strict=True)
            for group, (high, low) in zip(groups, pairs, strict=True):
                self._set_momentum(group, self._at(high, low))
        return [self._at(*pair) for pair in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """All but the optimiser; of a function that is an object its attributes."""
        return {**super().state_dict(), "_scale_fn_custom": packed(self._scale_fn_custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        own = {k: v for k, v in state_dict.items() if k != "_scale_fn_custom"}
        super().load_state_dict(own)
        if state_dict["_scale_fn_custom"] is not None:
            vars(self._scale_fn_custom).update(state_dict["_scale_fn_custom"])


class OneCycleLR(_WithMomentum):
    """Up and far down again, once; see `functrans.optim.one_cycle_lr`.

    ``step`` is called after every batch, `total_steps` (or ``epochs * steps_per_epoch``) times at
    most. Momentum goes from `max_momentum` to `base_momentum` and back.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if total_steps is not None:
            self.total_steps = _positive("total_steps", total_steps)
        elif epochs is not None and steps_per_epoch is not None:
            counted = _positive("steps_per_epoch", steps_per_epoch)
            self.total_steps = _positive("epochs", epochs) * counted
        else:
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self.pct_start = pct_start
        self.three_phase = three_phase
        self._anneal_func_type = anneal_strategy
        tops = for_groups("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, tops, strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(optimizer, base_momentum, max_momentum, last_epoch == -1)
        super().__init__(optimizer, last_epoch)

    def _at(self, *values: float) -> Any:
        corners = schedules.one_cycle_corners(
            self.total_steps, self.pct_start, self.three_phase, (values[0], values[1], values[2])
        )
        return schedules.along(corners, self._anneal_func_type)(self.last_epoch)

    def get_lr(self) -> list[Any]:
        """The rates of this step; sets the momenta."""
        self._check_within_step()
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                high, low = group["max_momentum"], group["base_momentum"]
                self._set_momentum(group, self._at(high, low, high))
        return [self._at(g["initial_lr"], g["max_lr"], g["min_lr"]) for g in groups]


def _positive(name: str, value: Any) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value}")
    return value
