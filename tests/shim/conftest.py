"""What all tests of functrans.torch start from."""

from __future__ import annotations

import pytest

import functrans.torch


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same random weights whichever tests ran before: a test that fails, fails again."""
    functrans.torch.manual_seed(0)
