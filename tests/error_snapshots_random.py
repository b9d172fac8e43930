"""Wrong keys, shapes and dtypes of random numbers, and the errors that they raise.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans import random
from functrans.core.errors import InputTypeError, MissingRuleError, RandomnessError

Row = tuple[Callable[[], Any], type[Exception], str]

KEY = random.key(0)
OUTSIDE = np.random.default_rng(0)


def _beta_without_scipy() -> Any:
    module = "functrans.primitives.special_beta"
    before = sys.modules.get(module)
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        ft.grad(lambda a, rng: rng.beta(a, 2.0))(1.0, np.random.default_rng(0))
    finally:
        del sys.modules[module]
        if before is not None:
            sys.modules[module] = before


def _used_twice(keys: Any) -> None:
    with random.checking_keys():
        random.normal(keys["noise"])
        random.uniform(keys["noise"])


def _same_in_all_rounds() -> None:
    key = KEY
    with random.checking_keys():
        ft.fori_loop(0, 3, lambda i, x: x + random.normal(key), 0.0)


SNAPSHOTS: dict[str, Row] = {
    "a seed as a key": (
        lambda: random.normal(0),
        InputTypeError,
        r"normal: the key is of type weak int64\[\], at .*Make one .*random.key\(seed\)",
    ),
    "several keys": (
        lambda: random.normal(random.split(KEY, 3)),
        InputTypeError,
        r"the key is of type uint32\[3,2\], at .*keys\[0\]",
    ),
    "a generator as a key": (
        lambda: random.normal(np.random.default_rng(0)),
        InputTypeError,
        "the key is a numpy.random.Generator, at .*its own method",
    ),
    "no key": (lambda: random.normal("a"), InputTypeError, "the key is a str, at"),
    "a shape of random numbers": (
        lambda: random.normal(KEY, 2.5),
        InputTypeError,
        "normal: shape is 2.5, at .*an int or a tuple of ints",
    ),
    "a dtype of random numbers": (
        lambda: random.normal(KEY, 2, int),
        InputTypeError,
        "normal: dtype is int64, at .*float16, float32 or float64",
    ),
    "a dtype of bits": (lambda: random.bits(KEY, 2, int), InputTypeError, "an unsigned integer"),
    "a seed": (
        lambda: random.key(0.5),
        InputTypeError,
        r"the seed is weak float64\[\], at .*a whole number",
    ),
    "a large seed": (lambda: random.key(2**64), InputTypeError, "has more than 64 bits, at"),
    "data of a key": (
        lambda: random.fold_in(KEY, np.arange(2)),
        InputTypeError,
        r"fold_in: data is int64\[2\], at .*functrans.vmap",
    ),
    "bounds of whole numbers": (
        lambda: random.randint(KEY, 2, 0.0, 3),
        InputTypeError,
        r"bounds of type weak float64\[\] and weak int64\[\] and dtype int64, at .*integers",
    ),
    "a captured generator in a graph": (
        lambda: ft.make_graph(lambda x: x + OUTSIDE.normal())(1.0),
        RandomnessError,
        r"make_graph.*drew numbers from the generator OUTSIDE, at .*Pass the generator as an arg",
    ),
    "a generator in a loop that is staged": (
        lambda: ft.grad(
            lambda x, rng: ft.scan(lambda c, _: (c * rng.normal(), c), x, None, length=3)[0]
        )(1.0, np.random.default_rng(0)),
        RandomnessError,
        r"a generator is drawn from in scan.* at .*Draw before it",
    ),
    "a captured generator in a checkpoint": (
        lambda: ft.grad(ft.checkpoint(lambda x: x * OUTSIDE.normal()))(1.0),
        RandomnessError,
        r"checkpoint.*drew numbers from the generator OUTSIDE, at .*runs again",
    ),
    "a checkpoint with the generator of a graph": (
        lambda: ft.make_graph(ft.grad(ft.checkpoint(lambda x, rng: x * rng.normal())))(
            1.0, np.random.default_rng(0)
        ),
        RandomnessError,
        r"checkpoint: a generator that is an input of a graph .* at .*Draw before the function",
    ),
    "a distribution of a generator without rules": (
        lambda: ft.grad(lambda a, rng: rng.dirichlet(a)[0])(np.ones(2), np.random.default_rng(0)),
        MissingRuleError,
        r"Generator.dirichlet takes no traced parameters .* at .*standard_gamma\(alpha\)",
    ),
    "traced chances of a choice": (
        lambda: ft.grad(lambda p, rng: rng.choice(2.0 * p, p=p))(
            np.full(2, 0.5), np.random.default_rng(0)
        ),
        MissingRuleError,
        r"Generator.choice: p is traced, at .*stop_gradient",
    ),
    "an array for the numbers of a generator": (
        lambda: ft.vmap(lambda rng: rng.random(out=np.empty(2)), None, axis_size=2)(
            np.random.default_rng(0)
        ),
        MissingRuleError,
        r"Generator.random: out cannot be given to a traced generator, at",
    ),
    "an array for gamma variables of a generator": (
        lambda: ft.grad(lambda a, rng: rng.standard_gamma(a, out=np.empty(2)))(
            1.0, np.random.default_rng(0)
        ),
        MissingRuleError,
        r"standard_gamma: dtype and out cannot be given with a traced shape, at",
    ),
    "beta variables without SciPy": (
        _beta_without_scipy,
        MissingRuleError,
        r"Generator.beta: its derivatives need SciPy, at",
    ),
    "a key used twice": (
        lambda: _used_twice({"noise": KEY}),
        RandomnessError,
        r"the key in argument 'keys'\['noise'\] of type uint32\[2\] and value \[0, 0\] is used "
        r"twice: for normal numbers at .* and for uniform numbers at .*functrans.random.split",
    ),
    "the key of all rounds of a loop": (
        _same_in_all_rounds,
        RandomnessError,
        r"the key in variable 'key' of type uint32\[2\] and value \[0, 0\] is used for normal at "
        r".* in each round of a .*fold_in\(key, i\) in round i",
    ),
    "nothing to choose from": (
        lambda: random.choice(KEY, 1.5),
        InputTypeError,
        r"choice: a is weak float64\[\], at .*an axis to choose from",
    ),
}
