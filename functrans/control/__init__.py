"""Structured control flow: ``scan``, ``while_loop``, ``cond`` and their like.

Their primitives take graphs as parameters, and the rules of these transform the graphs: see
:mod:`functrans.control.derived`. The functions of users are staged by
:mod:`functrans.control.closure`.

A jitted function without loops and branches needs none of them, so they are loaded when they are
used.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any as _Any

from functrans.control import running as running  # what becomes of them in programs
from functrans.control.jit import clear_caches as clear_caches, jit as jit
from functrans.core.primitive import HOMES as _HOMES

if TYPE_CHECKING:
    from functrans.control import checkpoint_policies as checkpoint_policies
    from functrans.control.associative import associative_scan as associative_scan
    from functrans.control.checkpointing import checkpoint as checkpoint
    from functrans.control.conditional import cond as cond, switch as switch
    from functrans.control.repetition import fori_loop as fori_loop, while_loop as while_loop
    from functrans.control.scanning import map as map, scan as scan
    from functrans.control.schedules import binomial as binomial, every as every

_HOMES.update(
    {
        "call": "functrans.control.call",
        "cond": "functrans.control.cond_primitive",
        "scan": "functrans.control.scan_primitive",
        "while_loop": "functrans.control.while_primitive",
        **dict.fromkeys(("late_jvp", "late_vjp"), "functrans.control.late"),
        **dict.fromkeys(
            ("late_record", "late_replay", "while_record", "while_replay"),
            "functrans.control.recorded",
        ),
    }
)

_ELSEWHERE = {
    "associative_scan": "associative",
    "binomial": "schedules",
    "checkpoint": "checkpointing",
    "cond": "conditional",
    "every": "schedules",
    "fori_loop": "repetition",
    "map": "scanning",
    "scan": "scanning",
    "switch": "conditional",
    "while_loop": "repetition",
}


def __getattr__(name: str) -> _Any:
    if name == "checkpoint_policies":
        return _import_module("functrans.control.checkpoint_policies")
    if name in _ELSEWHERE:
        module = _import_module(f"functrans.control.{_ELSEWHERE[name]}")
        found = globals()[name] = getattr(module, name)
        return found
    raise AttributeError(f"module 'functrans.control' has no attribute {name!r}")
