"""Learning rates as functions of the number of steps taken, for optimisers' ``lr``.

Each returns a function ``schedule(step)``; the arguments are those of PyTorch's scheduler of that
name, with the base rate in front. `step` may be traced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from functrans import primitives as p
from functrans.core.array import TracedArray

Schedule = Callable[[Any], Any]


def _is_traced(value: Any) -> bool:
    return isinstance(value, TracedArray)


def _rate(value: Any) -> Any:
    """A rate as a Python number, which takes the dtype of what it meets, unless it is traced."""
    return value if _is_traced(value) else float(value)


def step_lr(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """`lr`, multiplied by `gamma` every `step_size` steps.

    Examples
    --------
    >>> schedule = step_lr(1.0, 10, 0.5)
    >>> [schedule(step) for step in (0, 9, 10, 20)]
    [1.0, 1.0, 0.5, 0.25]
    """
    return lambda step: _rate(lr * gamma ** (step // step_size))


def multistep_lr(lr: float, milestones: Sequence[int], gamma: float = 0.1) -> Schedule:
    """`lr`, multiplied by `gamma` at each milestone.

    Examples
    --------
    >>> schedule = multistep_lr(1.0, [2, 5], 0.5)
    >>> [schedule(step) for step in (1, 2, 5)]
    [1.0, 0.5, 0.25]
    """
    places = np.sort(np.asarray(milestones))
    return lambda step: _rate(
        lr * gamma ** p.count_nonzero(p.greater_equal(step, places), axes=(0,))
    )


def constant_lr(lr: float, factor: float = 1 / 3, total_iters: int = 5) -> Schedule:
    """``factor * lr`` for the first steps, then `lr`.

    Examples
    --------
    >>> schedule = constant_lr(1.0, 0.5, 2)
    >>> [schedule(step) for step in (0, 1, 2)]
    [0.5, 0.5, 1.0]
    """
    return lambda step: _rate(lr * p.where(step < total_iters, factor, 1.0))


def linear_lr(
    lr: float, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
) -> Schedule:
    """From ``start_factor * lr`` to ``end_factor * lr`` on a straight line.

    Examples
    --------
    >>> schedule = linear_lr(1.0, 0.5, 1.0, 2)
    >>> [schedule(step) for step in (0, 1, 2, 3)]
    [0.5, 0.75, 1.0, 1.0]
    """
    rise = (end_factor - start_factor) / total_iters
    return lambda step: _rate(lr * (start_factor + rise * p.minimum(step, total_iters)))


def exponential_lr(lr: float, gamma: float) -> Schedule:
    """`lr`, multiplied by `gamma` after every step.

    Examples
    --------
    >>> exponential_lr(1.0, 0.5)(3)
    0.125
    """
    return lambda step: _rate(lr * gamma**step)


def polynomial_lr(lr: float, total_iters: int = 5, power: float = 1.0) -> Schedule:
    """From `lr` to 0 as a power of the steps that remain.

    Examples
    --------
    >>> schedule = polynomial_lr(1.0, 4, 2.0)
    >>> [schedule(step) for step in (0, 2, 4, 9)]
    [1.0, 0.25, 0.0, 0.0]
    """
    return lambda step: _rate(lr * (1 - p.minimum(step, total_iters) / total_iters) ** power)


def _cosine(high: Any, low: Any, part: Any) -> Any:
    """From `high` at part 0 to `low` at part 1 on half a wave."""
    return low + (high - low) * (1 + p.cos(np.pi * part)) / 2


def _line(high: Any, low: Any, part: Any) -> Any:
    return high + (low - high) * part


def cosine_annealing_lr(lr: float, t_max: int, eta_min: float = 0.0) -> Schedule:
    """From `lr` to `eta_min` within `t_max` steps on half a wave of the cosine, and back.

    Examples
    --------
    >>> schedule = cosine_annealing_lr(1.0, 2)
    >>> [round(schedule(step), 12) for step in (0, 1, 2, 4)]
    [1.0, 0.5, 0.0, 1.0]
    """
    return lambda step: _rate(_cosine(lr, eta_min, step / t_max))


def cosine_annealing_warm_restarts(
    lr: float, t_0: int, t_mult: int = 1, eta_min: float = 0.0
) -> Schedule:
    """From `lr` to `eta_min` on half a wave of the cosine, again and again.

    Parameters
    ----------
    lr : float
    t_0 : int
        The length of the first wave.
    t_mult : int
        How many times longer each is than the last.
    eta_min : float

    Examples
    --------
    >>> schedule = cosine_annealing_warm_restarts(1.0, 2, 2)
    >>> [round(schedule(step), 12) for step in (0, 1, 2, 4, 6)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """
    if t_0 < 1 or t_mult < 1:
        raise ValueError(
            f"cosine_annealing_warm_restarts: t_0 and t_mult must be at least 1, got {t_0} and "
            f"{t_mult}"
        )
    # Where each wave begins; sixty of them are more steps than anybody takes if they grow.
    starts = t_0 * np.cumsum([0, *(float(t_mult) ** np.arange(60))])

    def schedule(step: Any) -> Any:
        if t_mult == 1:
            return _rate(_cosine(lr, eta_min, (step % t_0) / t_0))
        wave = p.count_nonzero(p.greater_equal(step, starts), axes=(0,)) - 1
        length = t_0 * float(t_mult) ** wave
        start = t_0 * (float(t_mult) ** wave - 1) / (t_mult - 1)
        return _rate(_cosine(lr, eta_min, (step - start) / length))

    return schedule


def one_cycle_lr(
    max_lr: float,
    total_steps: int,
    *,
    pct_start: float = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> Schedule:
    """Up to `max_lr` and down again, far below where it began.

    Parameters
    ----------
    max_lr : float
    total_steps : int
    pct_start : float
        The share of steps that go up.
    anneal_strategy : {"cos", "linear"}
    div_factor : float
        It begins at ``max_lr / div_factor``,
    final_div_factor : float
        and ends at this over `final_div_factor`.
    three_phase : bool
        First down to where it began, as fast as up, then to the end.

    Examples
    --------
    >>> schedule = one_cycle_lr(1.0, 10, pct_start=0.5)
    >>> [round(schedule(step), 6) for step in (0, 4, 9)]
    [0.04, 1.0, 4e-06]
    """
    if anneal_strategy not in ("cos", "linear"):
        raise ValueError(
            f"one_cycle_lr: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}"
        )
    first = max_lr / div_factor
    last = first / final_div_factor
    corners = one_cycle_corners(total_steps, pct_start, three_phase, (first, max_lr, last))
    inside = along(corners, anneal_strategy)

    def schedule(step: Any) -> Any:
        if not _is_traced(step) and step > total_steps - 1:
            raise ValueError(f"one_cycle_lr: step {step} is beyond the {total_steps} of the cycle")
        return inside(step)

    return schedule


Corners = list[tuple[float, float, float]]
"""For each phase of a schedule the step where it ends, its first value and its last."""


def one_cycle_corners(
    total_steps: int, pct_start: float, three_phase: bool, values: tuple[float, float, float]
) -> Corners:
    """The phases of one cycle through the values where it starts, at its top and at its end."""
    first, top_value, last = values
    top, end = pct_start * total_steps - 1, float(total_steps - 1)
    if three_phase:
        return [(top, first, top_value), (2 * top, top_value, first), (end, first, last)]
    return [(top, first, top_value), (end, top_value, last)]


def along(corners: Corners, anneal_strategy: str) -> Schedule:
    """The schedule that goes through phases, on waves of the cosine or on straight lines.

    The last phase goes on behind its end.
    """
    between = _cosine if anneal_strategy == "cos" else _line

    def schedule(step: Any) -> Any:
        value: Any = None
        for i in reversed(range(len(corners))):
            stop, high, low = corners[i]
            start = corners[i - 1][0] if i else 0.0
            inside = between(high, low, (step - start) / ((stop - start) or 1.0))
            value = inside if value is None else p.where(step <= stop, inside, value)
        return _rate(value)

    return schedule


def cyclic_lr(
    base_lr: float,
    max_lr: float,
    step_size_up: float = 2000,
    step_size_down: float | None = None,
    *,
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable[[Any], Any] | None = None,
    scale_mode: Literal["cycle", "iterations"] = "cycle",
) -> Schedule:
    """Up from `base_lr` to `max_lr` and down again on straight lines, over and over.

    Parameters
    ----------
    base_lr, max_lr : float
    step_size_up, step_size_down : float
        How many steps it takes up, and down (by default as many).
    mode : {"triangular", "triangular2", "exp_range"}
        Cycles of one height, each half as high as the last, or lower by `gamma` with every step.
    gamma : float
    scale_fn : callable, optional
        In place of a mode, the height as a function of the number of the cycle, from 1,
    scale_mode : {"cycle", "iterations"}
        or of the step.

    Examples
    --------
    >>> schedule = cyclic_lr(0.0, 1.0, 2, mode="triangular2")
    >>> [schedule(step) for step in range(8)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25]
    """
    modes: dict[str, tuple[Callable[[Any], Any], str]] = {
        "triangular": (lambda cycle: 1.0, "cycle"),
        "triangular2": (lambda cycle: 2.0 ** (1 - cycle), "cycle"),
        "exp_range": (lambda step: gamma**step, "iterations"),
    }
    if scale_fn is None and mode not in modes:
        raise ValueError(f"cyclic_lr: mode must be one of {', '.join(modes)}, got {mode!r}")
    height, of = (scale_fn, scale_mode) if scale_fn is not None else modes[mode]
    length = step_size_up + (step_size_up if step_size_down is None else step_size_down)
    top = step_size_up / length

    def schedule(step: Any) -> Any:
        cycle = p.floor(step / length) + 1.0
        part = 1.0 + step / length - cycle
        share = p.where(part <= top, part / top, (part - 1) / (top - 1))
        return _rate(
            base_lr + (max_lr - base_lr) * share * height(cycle if of == "cycle" else step)
        )

    return schedule


def lambda_lr(lr: float, factor: Callable[[Any], Any]) -> Schedule:
    """``lr * factor(step)``.

    Examples
    --------
    >>> lambda_lr(2.0, lambda step: 1 / (1 + step))(3)
    0.5
    """
    return lambda step: _rate(lr * factor(step))


def warm_up(schedule: Schedule | float, steps: int) -> Schedule:
    """A schedule that grows from 0 to its own size within the first steps.

    Parameters
    ----------
    schedule : callable or float
    steps : int
        From this step on it is the schedule itself. Step 0 has ``1 / steps`` of its size.

    Examples
    --------
    >>> [warm_up(1.0, 4)(step) for step in (0, 1, 3, 9)]
    [0.25, 0.5, 1.0, 1.0]
    """
    if steps < 1:
        raise ValueError(f"warm_up: steps must be at least 1, got {steps}")

    def warmed(step: Any) -> Any:
        rate = schedule(step) if callable(schedule) else schedule
        return _rate(rate * p.minimum((step + 1) / steps, 1.0))

    return warmed


class PlateauState(NamedTuple):
    """What `ReduceOnPlateau` remembers.

    Parameters
    ----------
    lr : float
        The learning rate.
    best : float
        The best measure so far.
    bad, cooldown : int
        How many times in a row it was no better, and for how many it does not count.

    Examples
    --------
    >>> ReduceOnPlateau(0.1).init().lr
    0.1
    """

    lr: float
    best: float
    bad: int
    cooldown: int


class ReduceOnPlateau:
    """A learning rate that is reduced when a measure has stopped to improve.

    Parameters
    ----------
    lr : float
    mode : {"min", "max"}
        Whether lower or higher measures are better.
    factor : float
        What the rate is multiplied by.
    patience : int
        So many times in a row the measure may be no better.
    threshold : float
        By how much it has to be better.
    threshold_mode : {"rel", "abs"}
        Whether the threshold is a share of the best measure.
    cooldown : int
        For so many times after a reduction nothing counts.
    min_lr : float
    eps : float
        Smaller reductions are not made.

    Examples
    --------
    >>> plateau = ReduceOnPlateau(1.0, patience=1)
    >>> state = plateau.init()
    >>> for measure in (3.0, 2.0, 2.0, 2.0):
    ...     state = plateau.update(measure, state)
    >>> state.lr
    0.1
    """

    def __init__(
        self,
        lr: float,
        *,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1:
            raise ValueError(f"ReduceOnPlateau: factor must be below 1, got {factor}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                "ReduceOnPlateau: mode must be 'min' or 'max' and threshold_mode 'rel' or 'abs', "
                f"got {mode!r} and {threshold_mode!r}"
            )
        self.lr = lr
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.eps = eps

    def init(self) -> PlateauState:
        """The state before the first measure."""
        worst = np.inf if self.mode == "min" else -np.inf
        return PlateauState(self.lr, worst, 0, 0)

    def _better(self, measure: float, best: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        step = sign * self.threshold
        bound = best * (1 + step) if self.threshold_mode == "rel" else best + step
        return sign * measure > sign * bound

    def update(self, measure: Any, state: PlateauState) -> PlateauState:
        """The state after one more measure; its ``lr`` is the rate to go on with."""
        measure = float(measure)
        better = self._better(measure, state.best)
        best = measure if better else state.best
        bad = 0 if better else state.bad + 1
        cooldown = state.cooldown
        if cooldown > 0:
            cooldown, bad = cooldown - 1, 0
        lr = state.lr
        if bad > self.patience:
            reduced = max(lr * self.factor, self.min_lr)
            lr = reduced if lr - reduced > self.eps else lr
            cooldown, bad = self.cooldown, 0
        return PlateauState(lr, best, bad, cooldown)
