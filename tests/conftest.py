"""Settings of every test: BLAS threads, hypothesis profiles, the oracle marker, the registry."""

import importlib.util
import os
import sys
from collections.abc import Generator
from typing import Any

# Before NumPy is loaded: workers that each start a thread pool would fight for the cores.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
# Examples draw figures; no test may need a screen.
os.environ.setdefault("MPLBACKEND", "Agg")
# Most tests compare results to the bit, as the NumPy executor has them. FUNCTRANS_BACKEND=llvm runs
# the tests on the other one.
os.environ.setdefault("FUNCTRANS_BACKEND", "numpy")
# Tests leave nothing on the disk, and find nothing there.
os.environ.setdefault("FUNCTRANS_CACHE", "0")
# The code that runs is that with all optimisations, from the first call on.
os.environ.setdefault("FUNCTRANS_QUICK", "0")

import hypothesis  # noqa: E402
import pytest  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--checked",
        action="store_true",
        help="check each access to memory of native code; slow, and in one thread",
    )
    parser.addoption(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="run one of N of the tests that are selected, from the first on",
    )


@pytest.fixture(autouse=True)
def native_code_is_checked(request: pytest.FixtureRequest) -> Generator[None, None, None]:
    """With ``--checked``, native code that a test makes touches only what it may."""
    if not request.config.getoption("checked"):
        yield
        return
    from tests.llvm.ground import checked

    with checked() as failures:
        yield
        assert not failures, failures


# The same cases on every machine by default; `--hypothesis-profile=explore` searches further.
# No deadline: the time of one case says nothing on a shared machine.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile("repeatable")


@pytest.hookimpl(trylast=True)  # when the tests that markers leave out are gone
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what ``--every`` does not ask for, and skip the tests marked `oracle` whose
    packages are not installed."""
    every = config.getoption("every")
    config.hook.pytest_deselected(items=[x for i, x in enumerate(items) if i % every])
    items[:] = items[::every]
    for item in items:
        for marker in item.iter_markers("oracle"):
            packages = marker.args or ("jax", "torch")
            missing = [name for name in packages if importlib.util.find_spec(name) is None]
            if missing:
                reason = f'needs {", ".join(missing)}: pip install "functrans[oracle]"'
                item.add_marker(pytest.mark.skip(reason=reason))


def _of_a_module(entry: Any) -> bool:
    """Whether a primitive or a function is defined by a module that was imported."""
    functions = (entry.call, entry.impl) if hasattr(entry, "impl") else (entry,)
    module = sys.modules.get(functions[0].__module__)
    return any(value is f for value in vars(module or sys).values() for f in functions)


def _global_state() -> dict[str, Any]:
    """What a test may not change: NumPy's settings, and the interpreter stack."""
    import numpy as np

    from functrans.core.interpreter import stack

    options = np.get_printoptions()
    return {
        "numpy.errstate": np.geterr(),
        "print options": {k: v for k, v in options.items() if k != "override_repr"},
        "the interpreter stack": None if stack.top is type(stack).top else stack.top,
    }


@pytest.fixture(autouse=True)
def global_state_is_unchanged(request: pytest.FixtureRequest) -> Generator[None, None, None]:
    """Every test leaves global state as it was; the oracles' libraries have habits of their own."""
    before = _global_state()
    yield
    if request.node.get_closest_marker("oracle"):
        return
    after = _global_state()
    changed = [what for what, value in after.items() if value != before[what]]
    assert not changed, f"the test changed {', '.join(changed)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Forget what a test itself registers: the next may look at the whole rule book."""
    from functrans.core.array import FUNCTIONS
    from functrans.core.primitive import REGISTRY

    tables: tuple[dict[Any, Any], ...] = (REGISTRY, FUNCTIONS)
    before = [set(table) for table in tables]
    try:
        return (yield)
    finally:
        for table, known in zip(tables, before, strict=True):
            for key in set(table) - known:
                if not _of_a_module(table[key]):
                    del table[key]
