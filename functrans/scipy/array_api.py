"""SciPy's array-API functions on traced arrays: how they take traced and plain arrays together.

Many functions of SciPy are written for any array library (``SCIPY_ARRAY_API=1``) and so run on
traced arrays as they are. But they ask that all arrays of a call belong to one library, and during
a transform data are plain arrays, as are ``x > 0`` and other values without derivative.
"""

from __future__ import annotations

import importlib
from functools import wraps
from typing import Any

from functrans.core.array import TracedArray
from functrans.core.errors import RegistrationError
from functrans.core.types import is_plain

_HELPERS = "scipy._lib.array_api_compat"


def enable_array_api() -> None:
    """Let SciPy's array-API functions take plain arrays beside traced ones.

    Call it once, in a process that was started with ``SCIPY_ARRAY_API=1`` in its environment.
    It replaces the function by which SciPy finds the array library of its arguments: where one of
    them is traced, plain arrays and numbers go along with it, as everywhere in NumPy. Calls without
    traced arrays are as before.

    Raises
    ------
    RegistrationError
        SciPy was loaded without ``SCIPY_ARRAY_API=1``, or is a version in which that function is
        not found.

    Examples
    --------
    >>> import functrans.scipy
    >>> functrans.scipy.enable_array_api()  # doctest: +SKIP
    >>> from scipy import stats  # doctest: +SKIP
    >>> ft.grad(lambda x: stats.pearsonr(x, data).statistic)(x)  # doctest: +SKIP
    """
    try:
        helpers: Any = importlib.import_module(_HELPERS)
        settings: Any = importlib.import_module("scipy._lib._array_api")
        theirs, enabled = helpers.array_namespace, settings.SCIPY_ARRAY_API
    except (ImportError, AttributeError) as error:
        raise RegistrationError(
            f"this version of SciPy has no {_HELPERS}.array_namespace for "
            "functrans.scipy.enable_array_api to extend; versions 1.14 to 1.17 have"
        ) from error
    if not enabled:
        raise RegistrationError(
            "SciPy was loaded without its array-API mode: set SCIPY_ARRAY_API=1 in the environment "
            "before Python starts (or in os.environ before the first import of scipy)"
        )
    if hasattr(theirs, "takes_traced_arrays"):
        return

    @wraps(theirs)
    def array_namespace(*xs: Any, **options: Any) -> Any:
        if any(isinstance(x, TracedArray) for x in xs):
            xs = tuple(x for x in xs if not is_plain(x))
        return theirs(*xs, **options)

    array_namespace.takes_traced_arrays = True  # type: ignore[attr-defined]
    helpers.array_namespace = array_namespace
