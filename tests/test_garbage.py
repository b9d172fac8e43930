"""The collector of garbage is off while long graphs are worked on, and then on again."""

import gc

import pytest

from functrans.core.garbage import no_collection


def work() -> None:
    with no_collection():
        assert not gc.isenabled()


def test_on_again() -> None:
    work()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), no_collection():
        1 / 0  # noqa: B018
    assert gc.isenabled()
    gc.disable()
    try:
        work()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_interrupted_at_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python handles signals where a call returns, that which has turned the collector off too."""
    disable = gc.disable

    def interrupted() -> None:
        disable()
        raise KeyboardInterrupt

    monkeypatch.setattr(gc, "disable", interrupted)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert gc.isenabled()
