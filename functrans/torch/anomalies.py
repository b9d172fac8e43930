"""Anomaly detection: nodes remember the lines that made them, and backward passes look for NaN."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from functrans.core.cotangent import Scattered, plain
from functrans.torch.names import backward_name
from functrans.torch.operation import Node
from functrans.transforms.walk import pulled

HERE = str(Path(__file__).parents[1])


class State:
    """Whether nodes remember where they were made, and whether passes look for NaN."""

    enabled = False
    check_nan = False
    """Only while `enabled`."""


state = State()


def _remember(node: Node) -> None:
    node.metadata = {"traceback_": user_lines()}


def user_lines() -> list[str]:
    """The present calls without those inside functrans, the innermost last."""
    frames = traceback.extract_stack()
    return traceback.format_list([f for f in frames if not f.filename.startswith(HERE)])


def enable(enabled: bool, check_nan: bool) -> None:
    """Switch detection on or off, for all threads."""
    state.enabled, state.check_nan = enabled, enabled and check_nan
    # Off, which is nearly always, it must cost nothing: nodes are made another way only while on.
    make: Any = _remember if enabled else object.__init__
    setattr(Node, "__init__", make)  # noqa: B010


def checked(node: Node, links: Any) -> list[Any]:
    """The links of a node with pulls that raise where they return NaN."""
    found = []
    number = 0
    for pull, index, residuals, params, space in links:
        found.append((_checking(node, pull, number), index, residuals, params, space))
        number += len(index) if type(index) is list else 1
    return found


def _checking(node: Node, pull: Callable[..., Any], first: int) -> Callable[..., Any]:
    def call(g: Any, residuals: Any, params: Any = None) -> Any:
        d = pulled(pull, g, residuals, params)
        for i, part in enumerate(d if type(d) in (tuple, list) else (d,)):
            if part is not None and has_nan(part):
                raise _anomaly(node, first + i)
        return d

    return call


def has_nan(d: Any) -> bool:
    value = plain(d.value if type(d) is Scattered else d)
    while hasattr(value, "underlying"):
        value = value.underlying
    return value is not None and value.dtype.kind in "fc" and bool(np.isnan(value).any())


def _anomaly(node: Node, number: int) -> RuntimeError:
    name = backward_name(node)
    lines = (node.metadata or {}).get("traceback_")
    warnings.warn(
        f"Error detected in {name}. "
        + (
            "Traceback of forward call that caused the error:\n" + "".join(lines)
            if lines
            else "No forward pass information available. Enable detect anomaly during forward pass "
            "for more information."
        ),
        stacklevel=2,
    )
    return RuntimeError(f"Function '{name}' returned nan values in its {number}th output.")
