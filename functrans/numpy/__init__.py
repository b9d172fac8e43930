"""NumPy's namespace, with what NumPy's own cannot do for traced arrays.

Inside a transformed function plain ``import numpy as np`` is enough for nearly everything: NumPy
hands its functions over to traced arrays. So this namespace *is* NumPy's, with functions of its own
where NumPy does not ask: `array`, `asarray` and `asanyarray` of lists that contain traced values;
`zeros`, `ones`, `empty`, `full` and `copy` for arrays to write traced values into; `take` from a
plain array by a traced index. It adds `index_update` and `index_add`, which stand for assignment,
and `logsumexp`.

It follows the Python array API standard, version 2024.12, where NumPy's own functions differ too
(``argsort(x, descending=True)``), and with every NumPy from 2.0 on. Traced arrays name it as their
``__array_namespace__``.

>>> import functrans.numpy as fnp
>>> fnp.index_update(fnp.arange(3.0), 1, 5.0)
array([0., 5., 2.])
"""

from importlib import import_module as _import_module
from types import ModuleType as _Module
from typing import TYPE_CHECKING, Any as _Any

import numpy as _numpy

if TYPE_CHECKING:
    from numpy import *  # noqa: F403

from functrans.core.explain import NAMESPACE as _NAMESPACE

# Importing a family enters its functions into the table of NumPy functions.
from functrans.numpy import (  # type: ignore[no-redef]
    bits as bits,
    calculus as calculus,
    completed as completed,
    contraction as contraction,
    creation as creation,
    fft as fft,
    fourier as fourier,
    histograms as histograms,
    indexing as indexing,
    inspection as inspection,
    joining as joining,
    likenesses as likenesses,
    linalg as linalg,
    linear_algebra as linear_algebra,
    methods as methods,
    nan_reductions as nan_reductions,
    operators as operators,
    padding as padding,
    parts as parts,
    polynomials as polynomials,
    predicates as predicates,
    prototypes as prototypes,
    quantiles as quantiles,
    reductions as reductions,
    refusals as refusals,
    registry as registry,
    scimath as scimath,
    selection as selection,
    sets as sets,
    shapes as shapes,
    sorting as sorting,
    special as special,
    standard as standard,
    statistics as statistics,
    ufuncs as ufuncs,
)

_offered = frozenset(_numpy.__all__)
globals().update(
    {
        name: value
        for name, value in vars(_numpy).items()
        if name in _offered and not isinstance(value, _Module)
    }
)

from functrans.numpy.creation import (  # type: ignore[no-redef]  # noqa: E402
    array as array,
    asanyarray as asanyarray,
    asarray as asarray,
    copy as copy,
    empty as empty,  # pyright: ignore[reportGeneralTypeIssues]
    full as full,
    ones as ones,  # pyright: ignore[reportGeneralTypeIssues]
    zeros as zeros,  # pyright: ignore[reportGeneralTypeIssues]
)
from functrans.numpy.indexing import (  # noqa: E402
    index_add as index_add,
    index_update as index_update,
)
from functrans.numpy.reductions import logsumexp as logsumexp  # noqa: E402
from functrans.numpy.standard import (  # type: ignore[no-redef, assignment]  # noqa: E402  # type: ignore[no-redef, assignment]  # noqa: E402
    NamespaceInfo as __array_namespace_info__,  # noqa: F401
    argsort as argsort,
    astype as astype,
    clip as clip,
    finfo as finfo,
    iinfo as iinfo,
    sort as sort,
)

__array_api_version__ = standard.VERSION
globals().update(standard.missing_before(_numpy.lib.NumpyVersion(_numpy.__version__)))

# NumPy looks for traced arrays in some of these functions' arguments only. The others stay its own,
# so that a call outside of transforms costs nothing; lists of traced values go through `array`.
for _name in (
    *("take", "select", "piecewise", "interp", "pad", "lexsort", "polyint", "roll", "nan_to_num"),
    *("average", "var", "std"),
):
    globals()[_name] = getattr(completed, _name)
# Arrays like a plain one: inside a transform, traced values can be written into them.
for _name in ("zeros_like", "ones_like", "empty_like", "full_like"):
    globals()[_name] = getattr(likenesses, _name)

operators.attach()
ufuncs.attach()
_NAMESPACE.update(name for name in globals() if not name.startswith("_"))


def __getattr__(name: str) -> _Any:
    """NumPy's submodules, which some of its versions load on first use."""
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.numpy' has no attribute {name!r}")
    if name == "polynomial":
        return _import_module("functrans.numpy.polynomial")
    return getattr(_numpy, name)
