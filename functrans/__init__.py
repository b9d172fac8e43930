"""functrans: composable function transforms over NumPy.

``grad``, ``vjp``, ``jvp``, ``vmap``, ``hessian`` and friends turn plain Python functions over
``numpy.ndarray`` into other functions, to any depth.
"""

import os as _os
from typing import TYPE_CHECKING, Any as _Any

if not _os.path.isdir(_os.path.join(__path__[0], "primitives")):
    # A plain checkout or an editable install: the rule book stands beside this folder.
    __path__.append(_os.path.dirname(__path__[0]))

from functrans import extend as extend, numpy as numpy, primitives as primitives
from functrans._version import __version__ as __version__
from functrans.core import errors as errors, tree as tree
from functrans.core.types import ArrayType as ArrayType
from functrans.graph.graph import Graph as Graph
from functrans.transforms.batching import vmap as vmap
from functrans.transforms.checkpoint import checkpoint as checkpoint
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
from functrans.transforms.nonfinite import explain_nan as explain_nan
from functrans.transforms.staging import eval_shape as eval_shape, make_graph as make_graph
from functrans.transforms.stop_gradient import stop_gradient as stop_gradient

if TYPE_CHECKING:
    from functrans import debug as debug, nn as nn, optim as optim

custom_jvp = custom_vjp = custom
"""JAX's names for :class:`custom`, which carries every kind of rule."""

_ON_FIRST_USE = ("debug", "nn", "optim")


def __getattr__(name: str) -> _Any:
    """The packages that most programs do not need are loaded when they are used."""
    if name in _ON_FIRST_USE:
        from importlib import import_module

        return import_module(f"functrans.{name}")
    raise AttributeError(f"module 'functrans' has no attribute {name!r}")
