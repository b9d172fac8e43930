"""Random graphs: native code computes what NumPy computes, and touches no other memory."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from functrans.compile import background
from functrans.compile.llvm.code import engine
from functrans.compile.llvm.plans.cost import effort
from functrans.compile.llvm.segment import supported
from functrans.graph.graph import Graph, Variable
from tests.llvm.native import carried_out, staged
from tests.llvm.random_graphs import RandomGraph
from tests.llvm.test_tiers import same_bits


def check(seed: int, quick: bool = False) -> bool:
    """Compare the executors on one graph; whether all of it has native code. If `quick`, code
    without optimisations is to have the same bits, where it is for use."""
    found = RandomGraph(seed)
    with np.errstate(all="ignore"):
        graph, values = staged(found.call, *found.inputs)
        rough = found.rough
        if not all([supported(e, False) for e in graph.equations]):
            return False
        wanted = graph.evaluate(values)
    plain = None
    if quick and np.isfinite(effort(graph).delay):  # what takes long is never quick
        engine.forget()  # another graph may have the same code
        plain = carried_out(graph, *values, quick=True)
        background._calm_jobs.clear()
    outs = carried_out(graph, *values)
    assert plain is None or all(map(same_bits, plain, outs)), seed
    for out, x, loose in zip(outs, wanted, rough, strict=True):
        x = np.asarray(x)
        assert out.dtype == x.dtype and out.shape == x.shape, seed
        if not loose or x.dtype.kind not in "fc":
            np.testing.assert_array_equal(out, x, err_msg=str(seed))
        else:
            close(out, x, graph, seed)
    return True


def close(out: Any, x: Any, graph: Graph, seed: int) -> None:
    """Rounding differs by what the narrowest number on the way allows, of the largest one."""
    narrow = [v.type.dtype for e in graph.equations for v in e.outputs if type(v) is Variable]
    eps = max([float(np.finfo(d).eps) for d in narrow if d.kind in "fc"])
    parts = [out.real, out.imag] if x.dtype.kind == "c" else [out]
    others = [x.real, x.imag] if x.dtype.kind == "c" else [x]
    for a, b in zip(parts, others, strict=True):
        a, b = a.astype(np.float64), b.astype(np.float64)
        same = np.isfinite(a) & np.isfinite(b)
        scale = max(float(np.max(np.abs(b[same]), initial=0.0)), 1.0)
        assert np.max(np.abs(a[same] - b[same]), initial=0.0) <= 2000 * eps * scale, seed
        limit = float(np.finfo(x.dtype).max) / 8  # rounding decides whether a number overflows
        odd = ~same & ~(np.abs(a) > limit) & ~(np.abs(b) > limit)
        assert np.array_equal(np.isnan(a[odd]), np.isnan(b[odd])), seed


@pytest.mark.parametrize("block", range(10))
def test_random_graphs(block: int) -> None:
    """A hundred graphs, of which most are native as a whole."""
    assert sum([check(seed) for seed in range(10 * block, 10 * block + 10)]) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("block", range(100))
def test_many_random_graphs(
    block: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand graphs, and both codes of two thousand."""
    monkeypatch.setattr(background, "CALM", 1e6)  # optimised code comes when it is asked for
    both = not request.config.getoption("checked")
    seeds = range(1000 + 100 * block, 1100 + 100 * block)
    assert sum([check(seed, quick=both and seed % 5 == 0) for seed in seeds]) >= 50
