"""SciPy's functions with derivatives; needs SciPy: ``pip install "functrans[scipy]"``.

Plain calls of ``scipy.special`` differentiate without this package, which adds the functions that
SciPy writes in Python (they turn their arguments into plain arrays), ``linalg`` and ``stats``.
"""

try:
    import scipy as _scipy  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'functrans.scipy needs SciPy, which is not installed: pip install "functrans[scipy]"',
        name="scipy",
    ) from error

from functrans.scipy import linalg as linalg, special as special, stats as stats
from functrans.scipy.array_api import enable_array_api as enable_array_api
