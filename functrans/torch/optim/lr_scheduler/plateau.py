"""The scheduler that watches a measure."""

from __future__ import annotations

from typing import Any, Literal

from functrans.optim import PlateauState, ReduceOnPlateau
from functrans.torch.optim.lr_scheduler.base import (
    LRScheduler,
    check_optimizer,
    set_value,
    values_of,
    warn_of_epoch,
)
from functrans.torch.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Reduce the rate when a measure has stopped to improve; see `functrans.optim.ReduceOnPlateau`.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    >>> for measure in (3.0, 2.0, 2.0, 2.0):
    ...     optimizer.step()
    ...     scheduler.step(measure)
    >>> scheduler.get_last_lr()
    [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.optimizer = check_optimizer(optimizer)
        count = len(optimizer.param_groups)
        if isinstance(min_lr, list | tuple) and len(min_lr) != count:
            raise ValueError(f"expected {count} min_lrs, got {len(min_lr)}")
        self.default_min_lr = None if isinstance(min_lr, list | tuple) else min_lr
        self.min_lrs = list(min_lr) if isinstance(min_lr, list | tuple) else [min_lr] * count
        self.factor = factor
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.mode: Any = mode
        self.threshold = threshold
        self.threshold_mode: Any = threshold_mode
        self.last_epoch = 0
        self._last_lr = values_of(optimizer, "lr")
        self._reset()

    def _reset(self) -> None:
        """Forget all measures."""
        first = ReduceOnPlateau(0.0, mode=self.mode).init()
        self.best, self.num_bad_epochs, self.cooldown_counter = first[1:]

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Note one more measure, and reduce the rates if it is time."""
        if epoch is not None:
            warn_of_epoch()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from "
                    f"when `ReduceLROnPlateau` was initialized ({len(self.min_lrs)}): set the "
                    "`min_lrs` of the scheduler to as many"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        before = self.best, self.num_bad_epochs, self.cooldown_counter
        for group, least in zip(groups, self.min_lrs, strict=True):
            rate = float(group["lr"])
            plateau = ReduceOnPlateau(
                rate,
                mode=self.mode,
                factor=self.factor,
                patience=self.patience,
                threshold=self.threshold,
                threshold_mode=self.threshold_mode,
                cooldown=self.cooldown,
                min_lr=least,
                eps=self.eps,
            )
            after = plateau.update(float(metrics), PlateauState(rate, *before))
            self.best, self.num_bad_epochs, self.cooldown_counter = after[1:]
            if after.lr != rate:
                set_value(group, "lr", after.lr)
        self._last_lr = values_of(self.optimizer, "lr")

    @property
    def in_cooldown(self) -> bool:
        """Whether measures do not count just now."""
        return self.cooldown_counter > 0
