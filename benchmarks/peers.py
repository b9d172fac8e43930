"""The contestants: what each is called, which are installed, and how to make them comparable."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from benchmarks.threads import thread_count


@dataclass(frozen=True)
class Peer:
    """One contestant: its label, the module it needs, and how far its result may be off."""

    label: str
    module: str
    tolerance: float = 1e-9


BASELINE = "functrans"

PEERS: Mapping[str, Peer] = {
    BASELINE: Peer("functrans", "functrans"),
    "functrans_jit": Peer("functrans.jit", "functrans"),
    "functrans_eager": Peer("functrans, not staged", "functrans"),
    "functrans_native": Peer("functrans, native code", "llvmlite"),
    "functrans_background": Peer("functrans, native code in the background", "llvmlite"),
    "functrans_cached": Peer("functrans, native code on the disk", "llvmlite"),
    "functrans_compiled": Peer("functrans, torch.compile", "functrans"),
    "functrans_numpy": Peer("functrans.jit on NumPy", "functrans"),
    "torch": Peer("PyTorch eager", "torch"),
    "torch_compile": Peer("torch.compile", "torch"),
    "jax_jit": Peer("JAX jit", "jax"),
    "jax_cached": Peer("JAX jit, code on the disk", "jax"),
    "jax_eager": Peer("JAX eager", "jax"),
    "autograd": Peer("HIPS autograd", "autograd"),
    # Truncation error h f''/2 at the step h = 1.5e-8 and rounding error eps f / h are both near
    # 1e-8 for functions of size one; the chain's curvature and its sum add three digits.
    "forward_difference": Peer("finite differences, two-point", "numpy", tolerance=1e-4),
    "central_difference": Peer("finite differences, central", "numpy", tolerance=1e-6),
    "numpy": Peer("NumPy", "numpy"),
    "numpy_forward": Peer("NumPy, value only", "numpy"),
}


SLOW = {"torch_compile"}
"""Contestants that take tens of seconds to begin, and so take part only if they are asked for."""


@functools.cache
def is_installed(contestant: str) -> bool:
    """Whether ``contestant`` can be imported; the first call also configures it."""
    if contestant in SLOW:
        return False
    try:
        module = importlib.import_module(PEERS[contestant].module)
    except ImportError:
        return False
    if module.__name__ == "jax":
        module.config.update("jax_enable_x64", True)
    elif module.__name__ == "torch":
        module.set_num_threads(thread_count())
    return True


def settle() -> None:
    """Have functrans compile what it has put off, so that nobody is timed meanwhile."""
    background = sys.modules.get("functrans.compile.background")
    if background is not None:
        background.finish()


def require_baseline() -> None:
    """Raise ImportError with the remedy unless functrans itself can be imported."""
    if not is_installed(BASELINE):
        raise ImportError(
            "functrans cannot be imported: run this from the project's folder, or install it "
            "with `pip install -e .[bench]`"
        )


def versions() -> dict[str, str]:
    """Return the version of each installed library among the contestants."""
    found: dict[str, str] = {}
    for name, peer in PEERS.items():
        if peer.module in found or not is_installed(name):
            continue
        try:
            found[peer.module] = importlib.metadata.version(peer.module)
        except importlib.metadata.PackageNotFoundError:  # a plain checkout of functrans
            found[peer.module] = str(
                getattr(importlib.import_module(peer.module), "__version__", "checkout")
            )
    return found


def leaves(result: Any) -> list[np.ndarray[Any, Any]]:
    """Flatten a result of any contestant to NumPy arrays, in one order for all of them."""
    if isinstance(result, Mapping):
        return [leaf for key in sorted(result) for leaf in leaves(result[key])]
    if isinstance(result, list | tuple):
        return [leaf for item in result for leaf in leaves(item)]
    if is_dataclass(result) and not isinstance(result, type):
        return [leaf for field in fields(result) for leaf in leaves(getattr(result, field.name))]
    if hasattr(result, "detach"):
        result = result.detach()
    return [np.asarray(result)]


class WrongResultError(AssertionError):
    """A contestant computed something else than functrans."""


def check_result(contestant: str, result: Any, expected: Any) -> None:
    """Raise WrongResultError unless ``result`` equals ``expected`` within the peer's tolerance."""
    ours, theirs = leaves(expected), leaves(result)
    if len(ours) != len(theirs):
        raise WrongResultError(
            f"{contestant} returned {len(theirs)} arrays where functrans returned {len(ours)}"
        )
    tolerance = PEERS[contestant].tolerance
    for position, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if mine.shape != other.shape:
            raise WrongResultError(
                f"{contestant} returned shape {other.shape} for array {position}, "
                f"functrans {mine.shape}"
            )
        scale = max(float(np.max(np.abs(mine), initial=0.0)), 1e-300)
        error = float(np.max(np.abs(mine - other), initial=0.0)) / scale
        if not error <= tolerance:  # also true for NaN
            raise WrongResultError(
                f"{contestant} differs from functrans by {error:.1e} of the largest element of "
                f"array {position} (allowed: {tolerance:.0e})"
            )
