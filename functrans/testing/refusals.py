"""Checks of what has no rule: a derivative that is not written is an error, never a zero."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import MissingRuleError
from functrans.core.types import dtype_of, is_inexact
from functrans.testing.batching import mappable
from functrans.testing.differences import random_like
from functrans.transforms.batching import vmap
from functrans.transforms.forward import jvp
from functrans.transforms.gradient import vjp

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.testing.cases import Case


def check_refusals(case: Case) -> None:
    """An operand without a rule is refused in both modes, and through a batch."""
    refused = [i for i in case.arrays if i not in case.active]
    for i in refused:
        x = case.leaves[i]
        if case.primitive is None or not is_inexact(dtype_of(x)):
            continue
        function = case.function((i,))
        t = random_like(x, case.rng())
        runs = {
            "JVP": partial(jvp, function, (x,), (t,)),
            "VJP": partial(_backward, function, x),
        }
        if i in mappable(case):
            xs, ts = np.stack([x, x]), np.stack([t, t])
            runs["JVP of vmap"] = partial(jvp, vmap(function), (xs,), (ts,))
            runs["VJP of vmap"] = partial(_backward, vmap(function), xs)
        for name, run in runs.items():
            with np.errstate(all="ignore"):
                try:
                    run()
                except MissingRuleError:
                    continue
            raise AssertionError(
                f"{case.label(i)}: {name}: it has no rule, and its derivative is no error"
            )


def _backward(function: Callable[..., Any], x: Any) -> Any:
    """The cotangent of `x`, all cotangents of the output being 1."""
    outs, pullback = vjp(function, x)
    return pullback(tuple(np.ones_like(o)[()] for o in outs))
