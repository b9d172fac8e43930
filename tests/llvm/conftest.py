"""What tests of native code share."""

import pytest


@pytest.fixture(params=["here", "avx2", "plain"])
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Code as for this processor, and as for those with shorter vectors and fewer registers."""
    from functrans.compile.llvm.code.engine import machine

    here = machine()
    if request.param != "here":
        size, fused = {"avx2": (32, True), "plain": (16, False)}[request.param]
        if size > here.vector_bytes:
            pytest.skip("this processor has no such vectors")
        monkeypatch.setattr(here, "vector_bytes", size)
        monkeypatch.setattr(here, "fused", fused and here.fused)
    return str(request.param)
