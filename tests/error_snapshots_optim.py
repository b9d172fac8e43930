"""Wrong trees of optimisers, and the errors that they raise.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import functrans as ft
from functrans import optim
from functrans.core import errors

Row = tuple[Callable[[], Any], type[Exception], str]

SNAPSHOTS: dict[str, Row] = {
    "gradients of other parameters": (
        lambda: optim.sgd(0.1).update({"w": 1.0}, optim.sgd(0.1).init({"v": 1.0}), {"v": 1.0}),
        errors.TreeError,
        "sgd: grads must match params, at .*: at the root: grads lacks the key 'v'",
    ),
    "a state of other parameters": (
        lambda: optim.adam().update([1.0], optim.adam().init([]), [1.0]),
        errors.TreeError,
        r"adam: the state is that of 0 parameters, params has 1, at .*make one by init\(params\)",
    ),
    "traced parameters of L-BFGS": (
        lambda: ft.grad(lambda x: optim.lbfgs().init([x]).scale * x)(1.0),
        errors.ConversionError,
        r"lbfgs: params\[0\] is traced, at .*Call update outside of transforms",
    ),
    "a traced loss of L-BFGS": (
        lambda: ft.grad(
            lambda x: optim.lbfgs().update(lambda q: (x, q), optim.lbfgs().init(1.0), 1.0)[0]
        )(1.0),
        errors.ConversionError,
        "lbfgs: the value of the closure is traced, at .*Call update outside of transforms",
    ),
    "other gradients of L-BFGS": (
        lambda: optim.lbfgs().update(lambda q: (1.0, [q, q]), optim.lbfgs().init([1.0]), [1.0]),
        errors.TreeError,
        "lbfgs: what the closure returns does not match params, at .*: at .*in the gradients",
    ),
    "another state of L-BFGS": (
        lambda: optim.lbfgs().update(lambda q: (1.0, q), optim.lbfgs().init([1.0]), [1.0, 2.0]),
        errors.TreeError,
        r"lbfgs: the state is that of 1 numbers, params has 2, at .*make one by init\(params\)",
    ),
}
