"""Wrong keys, shapes and dtypes of random numbers, and the errors that they raise.

In the form of tests/error_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import random
from functrans.core.errors import InputTypeError

Row = tuple[Callable[[], Any], type[Exception], str]

KEY = random.key(0)

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
    "nothing to choose from": (
        lambda: random.choice(KEY, 1.5),
        InputTypeError,
        r"choice: a is weak float64\[\], at .*an axis to choose from",
    ),
}
