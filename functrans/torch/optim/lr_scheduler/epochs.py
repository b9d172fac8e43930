"""Schedulers whose rate follows from the epoch: steps, lines, powers, waves of the cosine.

What a schedule of `functrans.optim` does to a rate of 1 from one epoch to the next, `step` does to
the rate that a group has: so schedulers can be chained, and rates be changed by hand in between.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from functrans.optim import schedules
from functrans.torch.optim.lr_scheduler.base import LRScheduler, for_groups, packed, values_of
from functrans.torch.optim.optimizer import Optimizer


class ScheduledLR(LRScheduler):
    """A scheduler by a schedule of the base rate 1."""

    floor = 0.0
    """What rates are measured from."""
    rests_at_start = True
    """Whether nothing is done to the rate when training is resumed at a later epoch."""

    def _schedule(self) -> schedules.Schedule:
        raise NotImplementedError

    def get_lr(self) -> list[Any]:
        """The rates of this epoch, from those that the groups have."""
        self._check_within_step()
        epoch, floor = self.last_epoch, self.floor
        rates = values_of(self.optimizer, "lr")
        if epoch and self._is_initial and self.rests_at_start:
            return rates
        schedule = self._schedule()
        now, before = schedule(epoch), schedule(epoch - 1) if epoch else 1.0
        if now == before:
            return rates
        if before == 0:  # it comes up again, to what the base rate has
            return [
                rate + (base - floor) * now for rate, base in zip(rates, self.base_lrs, strict=True)
            ]
        return [floor + (rate - floor) * (now / before) for rate in rates]

    def _get_closed_form_lr(self) -> list[Any]:
        share = self._schedule()(self.last_epoch)
        return [self.floor + (base - self.floor) * share for base in self.base_lrs]


class StepLR(ScheduledLR):
    """Multiply the rate by `gamma` every `step_size` epochs; see `functrans.optim.step_lr`.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.5)
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.125]
    """

    rests_at_start = False

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _schedule(self) -> schedules.Schedule:
        return schedules.step_lr(1.0, self.step_size, self.gamma)


class MultiStepLR(ScheduledLR):
    """Multiply the rate by `gamma` at each milestone; see `functrans.optim.multistep_lr`."""

    rests_at_start = False

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _schedule(self) -> schedules.Schedule:
        return schedules.multistep_lr(1.0, list(self.milestones.elements()), self.gamma)


class ConstantLR(ScheduledLR):
    """A smaller rate for the first epochs; see `functrans.optim.constant_lr`."""

    rests_at_start = False

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _schedule(self) -> schedules.Schedule:
        return schedules.constant_lr(1.0, self.factor, self.total_iters)


class LinearLR(ScheduledLR):
    """From one multiple of the rate to another on a line; see `functrans.optim.linear_lr`."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to "
                "1."
            )
        if not 0 <= end_factor <= 1:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _schedule(self) -> schedules.Schedule:
        return schedules.linear_lr(1.0, self.start_factor, self.end_factor, self.total_iters)


class ExponentialLR(ScheduledLR):
    """Multiply the rate by `gamma` after every epoch; see `functrans.optim.exponential_lr`."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _schedule(self) -> schedules.Schedule:
        return schedules.exponential_lr(1.0, self.gamma)


class PolynomialLR(ScheduledLR):
    """Down to 0 as a power of the epochs that remain; see `functrans.optim.polynomial_lr`."""

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _schedule(self) -> schedules.Schedule:
        return schedules.polynomial_lr(1.0, self.total_iters, self.power)


class CosineAnnealingLR(ScheduledLR):
    """Down to `eta_min` on half a wave, and back; see `functrans.optim.cosine_annealing_lr`."""

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    @property
    def floor(self) -> float:  # type: ignore[override]
        """The least rate."""
        return self.eta_min

    def _schedule(self) -> schedules.Schedule:
        return schedules.cosine_annealing_lr(1.0, self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Down to `eta_min` on half a wave, again and again, in waves `T_mult` times longer.

    ``step`` takes the epoch too, which need not be whole. See
    `functrans.optim.cosine_annealing_warm_restarts`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The rates at this place of the wave."""
        self._check_within_step()
        share = schedules.cosine_annealing_lr(1.0, self.T_i)(self.T_cur)
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch, or of the given one."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        else:
            self.T_i, self.T_cur = self.T_0, epoch
            if self.T_mult == 1:
                self.T_cur = epoch % self.T_0
            while self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        self.last_epoch = math.floor(epoch)
        with self._within_step():
            rates = self.get_lr()
        self._set(rates)


class _OfFunctions(LRScheduler):
    """A scheduler by a function of the epoch for each group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        count = len(optimizer.param_groups)
        if isinstance(lr_lambda, list | tuple) and len(lr_lambda) != count:
            raise ValueError(f"Expected {count} lr_lambdas, but got {len(lr_lambda)}")
        self.lr_lambdas = for_groups("lr_lambda", optimizer, lr_lambda)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(
                    f"lr_lambda should be a function, but got {type(function).__name__}"
                )
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """All but the optimiser; of functions that are objects their attributes."""
        return {**super().state_dict(), "lr_lambdas": [packed(f) for f in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "lr_lambdas"})
        for function, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if attributes is not None:
                vars(function).update(attributes)


class LambdaLR(_OfFunctions):
    """The first rate times a function of the epoch; see `functrans.optim.lambda_lr`."""

    def get_lr(self) -> list[Any]:
        """The rates of this epoch."""
        self._check_within_step()
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * function(self.last_epoch) for base, function in pairs]


class MultiplicativeLR(_OfFunctions):
    """Multiply the rate by a function of the epoch."""

    def get_lr(self) -> list[Any]:
        """The rates of this epoch, from those that the groups have."""
        self._check_within_step()
        rates = values_of(self.optimizer, "lr")
        if self._is_initial:
            return rates
        pairs = zip(rates, self.lr_lambdas, strict=True)
        return [rate * function(self.last_epoch) for rate, function in pairs]
