"""One thread for everybody: the limits that must be set before the libraries load."""

from __future__ import annotations

import os

# NPROC sizes the thread pool of JAX's CPU client; the XLA flag keeps its matrix products in the
# calling thread; the others are read by the BLAS and OpenMP libraries under NumPy and PyTorch.
# PyTorch's own pool is limited again in peers.py, where PyTorch is first imported.
LIMITS = {
    "NPROC": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    # Not a thread limit: without it JAX may look for an accelerator and print a warning.
    "JAX_PLATFORMS": "cpu",
}


def limit_to_one_thread() -> None:
    """Set the limits in the environment of this process and of those that it starts."""
    os.environ.update(LIMITS)
