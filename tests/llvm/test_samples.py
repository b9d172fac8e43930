"""Native elementwise operations at every sample of the rule book."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import functrans  # noqa: F401  (the rule book)
from functrans.compile.llvm.elements.conversions import supported
from functrans.compile.llvm.elements.operations import Operation, operation
from functrans.core.primitive import REGISTRY
from functrans.core.types import SCALARS, WEAK, type_of
from tests.llvm.elementwise import evaluated

COMPOSED = ("real", "imag", "astype", "nan_to_num", "round")


def candidates() -> list[str]:
    """Primitives that may be elementwise."""
    return [
        name
        for name, primitive in REGISTRY.items()
        if primitive.samples is not None
        and (primitive.kind in ("elementwise", "chooser", "nondifferentiable") or name in COMPOSED)
        and primitive.call.__module__.startswith("functrans.primitives.")
        and ".special" not in primitive.call.__module__
    ]


def native(name: str, sample: Any, wanted: Any) -> Operation | None:
    """The operation for the dtypes and numbers of a sample; None if it is not elementwise there."""
    types = [type_of(x).dtype for x in sample.args]
    if not all(supported(x) for x in types):
        return None
    kinds = [type(x) if type(x) in WEAK else np.asarray(x).dtype for x in sample.args]
    params = {k: v for k, v in sample.params.items() if k != "dtype"}
    numbers = [x if type(x) in SCALARS else None for x in sample.args]
    return operation(name, kinds, wanted.dtype, params, numbers)


@pytest.mark.parametrize("name", candidates())
def test_samples(name: str) -> None:
    """Bits of NumPy where the operation says so, and otherwise a few roundings."""
    primitive = REGISTRY[name]
    compared = 0
    for sample in primitive.samples():  # type: ignore[misc]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = primitive.impl(*sample.args, **sample.params)
        if isinstance(wanted, tuple):
            continue
        wanted = np.asarray(wanted)
        try:
            shape = np.broadcast_shapes(*map(np.shape, sample.args))
        except ValueError:
            continue
        found = native(name, sample, wanted) if wanted.shape == shape else None
        if found is None or not wanted.size:
            continue
        compared += 1
        xs = [np.broadcast_to(np.asarray(x), shape).ravel() for x in sample.args]
        got, wanted = evaluated(found, xs, 4), wanted.ravel()
        ok = (got == wanted) | ((got != got) & (wanted != wanted))
        if not found.exact:
            with np.errstate(all="ignore"):
                unit = np.spacing(np.abs(wanted).astype(wanted.real.dtype))
                ok |= np.abs(got - wanted) <= 16 * unit
            ok |= np.isinf(got) & np.isinf(wanted) & (wanted.dtype.kind == "c")
        assert ok.all(), (sample.label, [x[~ok] for x in xs], got[~ok], wanted[~ok])
    if not compared:
        pytest.skip("it has no native form")
