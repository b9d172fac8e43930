"""Print how long it takes to import the module named on the command line, after NumPy.

For ``numpy`` itself the time is that of NumPy's own import.
"""

from __future__ import annotations

import sys
import time

start = time.perf_counter()
if sys.argv[1] != "numpy":
    import numpy  # noqa: F401

    start = time.perf_counter()
__import__(sys.argv[1])
print(f'{{"seconds": {time.perf_counter() - start}}}')
