"""As many threads for everybody: the limits that must be set before the libraries load."""

from __future__ import annotations

import os

# NPROC sizes the thread pool of JAX's CPU client; the XLA flag keeps its matrix products in the
# calling thread; the others are read by the BLAS and OpenMP libraries under NumPy and PyTorch.
# PyTorch's own pool is limited again in peers.py, where PyTorch is first imported.
COUNTS = (
    *("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "FUNCTRANS_NUM_THREADS"),
)


def limits(count: int | None = None) -> dict[str, str]:
    """The variables of the environment for so many threads; for those of this process."""
    count = thread_count() if count is None else count
    found = dict.fromkeys(COUNTS, str(count))
    if count == 1:
        found["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    # Not a thread limit: without it JAX may look for an accelerator and print a warning.
    return found | {"JAX_PLATFORMS": "cpu"}


def limit_threads(count: int = 1) -> None:
    """Set the limits in the environment of this process and of those that it starts."""
    os.environ.update(limits(count))


def thread_count() -> int:
    """How many threads each library may use."""
    return int(os.environ.get("NPROC", "1"))
