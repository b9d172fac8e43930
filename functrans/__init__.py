"""functrans: composable function transforms over NumPy.

``grad``, ``vjp``, ``jvp``, ``vmap``, ``hessian`` and friends turn plain Python functions over
``numpy.ndarray`` into other functions, to any depth.
"""

import os as _os
from typing import TYPE_CHECKING, Any as _Any

if not _os.path.isdir(_os.path.join(__path__[0], "primitives")):
    # A plain checkout or an editable install: the rule book stands beside this folder.
    __path__.append(_os.path.dirname(__path__[0]))

from functrans._version import __version__ as __version__  # isort: split

from functrans import extend as extend, numpy as numpy, primitives as primitives
from functrans.core import (
    errors as errors,
    generators as _generators,
    interpreter as _interpreter,
    tree as tree,
)
from functrans.core.types import ArrayType as ArrayType
from functrans.graph.graph import Graph as Graph
from functrans.transforms import accelerated as _accelerated, meeting as _meeting
from functrans.transforms.batching import vmap as vmap
from functrans.transforms.custom import custom as custom
from functrans.transforms.forward import jvp as jvp
from functrans.transforms.gradient import grad as grad, value_and_grad as value_and_grad, vjp as vjp
from functrans.transforms.jacobian import (
    hessian as hessian,
    hvp as hvp,
    jacfwd as jacfwd,
    jacobian as jacobian,
    jacrev as jacrev,
)
from functrans.transforms.linearize import linearize as linearize
from functrans.transforms.staging import eval_shape as eval_shape, make_graph as make_graph
from functrans.transforms.stop_gradient import stop_gradient as stop_gradient

if TYPE_CHECKING:
    from functrans import debug as debug, nn as nn, optim as optim, random as random
    from functrans.compile.eager import (
        eager_backend as eager_backend,
        get_eager_backend as get_eager_backend,
        set_eager_backend as set_eager_backend,
    )
    from functrans.compile.llvm.code.cache import clear_cache as clear_cache
    from functrans.compile.llvm.code.threads import (
        get_num_threads as get_num_threads,
        set_num_threads as set_num_threads,
    )
    from functrans.control import (
        associative_scan as associative_scan,
        binomial as binomial,
        checkpoint as checkpoint,
        checkpoint_policies as checkpoint_policies,
        clear_caches as clear_caches,
        cond as cond,
        every as every,
        fori_loop as fori_loop,
        jit as jit,
        map as map,
        scan as scan,
        switch as switch,
        while_loop as while_loop,
    )
    from functrans.transforms.nonfinite import explain_nan as explain_nan
    from functrans.transforms.showing import show as show


def _load_generators() -> _Any:
    from functrans.random import generators

    return generators


_generators.hook.load = _load_generators
_interpreter.Interpreter.ties = _meeting.TIES


def _load_kernels() -> _Any:
    from functrans.compile.eager import kernels

    _accelerated.hook.load = kernels
    return kernels()


_accelerated.hook.load = _load_kernels

custom_jvp = custom_vjp = custom
"""JAX's names for :class:`custom`, which carries every kind of rule."""

_PACKAGES = ("compile", "control", "debug", "nn", "optim", "random")

_ELSEWHERE = {
    "clear_cache": "functrans.compile.llvm.code.cache",
    "eager_backend": "functrans.compile.eager",
    "explain_nan": "functrans.transforms.nonfinite",
    "get_eager_backend": "functrans.compile.eager",
    "get_num_threads": "functrans.compile.llvm.code.threads",
    "set_eager_backend": "functrans.compile.eager",
    "set_num_threads": "functrans.compile.llvm.code.threads",
    "show": "functrans.transforms.showing",
} | dict.fromkeys(
    (
        "associative_scan",
        "binomial",
        "checkpoint",
        "checkpoint_policies",
        "clear_caches",
        "cond",
        "every",
        "fori_loop",
        "jit",
        "map",
        "scan",
        "switch",
        "while_loop",
    ),
    "functrans.control",
)


def __getattr__(name: str) -> _Any:
    """What most programs do not need is loaded when it is used."""
    from importlib import import_module

    if name in _PACKAGES:
        return import_module(f"functrans.{name}")
    if name in _ELSEWHERE:
        found = globals()[name] = getattr(import_module(_ELSEWHERE[name]), name)
        return found
    raise AttributeError(f"module 'functrans' has no attribute {name!r}")
