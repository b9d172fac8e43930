"""S6: the same inputs give the same bits, in every transform and in a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import tree
from tests.programs import PROGRAMS, Program
from tests.words import TRANSFORMS


def bits(program: Program, transform: Callable[..., Any]) -> list[bytes]:
    leaves = tree.leaves(transform(program.function)(program.point))
    return [np.asarray(leaf).tobytes() for leaf in leaves]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_twice_the_same(name: str) -> None:
    for program in PROGRAMS:
        if not (program.reads_values and name in ("vmap", "graph")):
            first = bits(program, TRANSFORMS[name])
            assert bits(program, TRANSFORMS[name]) == first, program.name


def test_the_same_in_other_processes() -> None:
    """Whatever order their sets and hashes have."""
    code = (
        "from tests.programs import PROGRAMS\nfrom tests.test_determinism import bits\n"
        "from tests.words import TRANSFORMS\nimport hashlib\n"
        "found = [b for p in PROGRAMS for b in bits(p, TRANSFORMS['vjp'])]\n"
        "print(hashlib.sha256(b''.join(found)).hexdigest())"
    )
    outs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**__import__("os").environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outs) == 1


def test_global_state_is_watched() -> None:
    from tests.conftest import _global_state

    before = _global_state()
    with np.errstate(all="raise"):
        assert _global_state() != before
    with np.printoptions(precision=3):
        assert _global_state() != before
    seen = []
    ft.grad(lambda x: seen.append(_global_state()) or x * x)(1.0)
    assert seen[0] != before
    assert _global_state() == before
