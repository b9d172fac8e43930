"""Checks of compositions: derivatives of batches, batches of derivatives, and of those again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.testing.batching import lane, mappable, without_fallback
from functrans.testing.cases import Case
from functrans.testing.differences import close, random_like, size_of, tolerance
from functrans.transforms.batching import vmap
from functrans.transforms.forward import jvp
from functrans.transforms.gradient import vjp
from functrans.transforms.staging import make_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functrans.core.types import Array

SIDE = 2  # the lanes of a batch; a batch of batches has SIDE * SIDE

# What is applied to a function `f`, each a function of operands `xs`, cotangents `gs` and tangents.


def pull(f: Any) -> Any:
    return lambda xs, gs, ts: vjp(f, *xs)[1](tuple(gs))


def push(f: Any) -> Any:
    return lambda xs, gs, ts: jvp(f, xs, ts)[1]


def pull_pull(f: Any) -> Any:
    return lambda xs, gs, ts: vjp(lambda *ys: pull(f)(ys, gs, ts), *xs)[1](tuple(ts))


def push_pull(f: Any) -> Any:
    return lambda xs, gs, ts: jvp(lambda *ys: pull(f)(ys, gs, ts), xs, ts)[1]


def push_push(f: Any) -> Any:
    return lambda xs, gs, ts: jvp(lambda *ys: push(f)(ys, gs, ts), xs, ts)[1]


Derivative = Any

# Words of vmap and derivatives, outermost first; how many batches they hold; what a lane computes.
WORDS: dict[str, tuple[int, Derivative, Callable[[Any], Any]]] = {
    "JVP of vmap": (1, push, lambda f: push(vmap(f))),
    "vmap of VJP of VJP": (1, pull_pull, lambda f: vmap(pull_pull(f))),
    "vmap of JVP of VJP": (1, push_pull, lambda f: vmap(push_pull(f))),
    "VJP of VJP of vmap": (1, pull_pull, lambda f: pull_pull(vmap(f))),
    "JVP of VJP of vmap": (1, push_pull, lambda f: push_pull(vmap(f))),
    "JVP of JVP of vmap": (1, push_push, lambda f: push_push(vmap(f))),
    "vmap of VJP of vmap": (2, pull, lambda f: vmap(pull(vmap(f)))),
    "vmap of JVP of vmap": (2, push, lambda f: vmap(push(vmap(f)))),
    "VJP of vmap of vmap": (2, pull, lambda f: pull(vmap(vmap(f)))),
    "JVP of vmap of vmap": (2, push, lambda f: push(vmap(vmap(f)))),
}


def check_compositions(case: Case) -> None:
    """Words of ``vmap`` and derivatives, up to three long, give what they give lane by lane."""
    _check(case, staged=False)


def check_staged_compositions(case: Case) -> None:
    """The same words, staged and computed by their graphs."""
    _check(case, staged=True)


def _check(case: Case, staged: bool) -> None:
    if not case.differentiable:
        return
    mapped = [i for i in case.active if i in mappable(case)]
    if not mapped:
        return
    function = case.smooth_part(mapped)
    rng = case.rng()
    with np.errstate(all="ignore"):
        lanes = []
        for k in range(SIDE * SIDE):
            xs = [lane(x, k) for x in case.take(mapped)]
            gs = [random_like(o, rng) for o in function(*xs)]
            lanes.append((xs, gs, [random_like(x, rng) for x in xs]))
        for name, (depth, single, word) in WORDS.items():
            if single not in (pull, push) and not case.sample.second:
                continue
            chosen = lanes[: SIDE**depth]
            expected = _batched([single(function)(*part) for part in chosen], depth)
            args = [
                _batched([part[j] for part in chosen], depth)
                for j in range(3)  # xs, gs, ts
            ]
            run = word(function)
            if staged:
                run = make_graph(run)(*args)
            found = without_fallback(partial(run, *args))
            rtol = tolerance(1e-12, [*lanes[0][0], *expected], factor=1e3)
            for one, other in zip(found, expected, strict=True):
                what = f"{case.what}: {name}{' by a graph' if staged else ''}"
                close(one, other, what, rtol=rtol, atol=rtol * size_of([other]))


def _batched(rows: Sequence[Sequence[Array]], depth: int) -> list[Array]:
    """Columns of the rows, stacked; for a batch of batches along two axes."""
    columns = [np.stack(column) for column in zip(*rows, strict=True)]
    return [c.reshape((SIDE,) * depth + c.shape[1:]) for c in columns]
