"""Which constants of a graph somebody else could change."""

import numpy as np

from functrans.core.constants import Constants
from functrans.primitives.reduction import spread


def test_originals_are_what_others_hold() -> None:
    """Arrays that were made on the way, and views of them, belong to nobody else."""
    constants = Constants(-1)

    def trace() -> None:
        made = np.eye(4)
        for x in (np.ones(5), np.broadcast_to(np.ones(()), (7,)), made, made[1:], made[:-1]):
            constants.keep(x)

    trace()
    assert constants.originals == []
    mine, base = np.arange(3.0), np.arange(6.0)
    constants.keep(mine)
    constants.keep(base[2:])
    assert [x.shape for x in constants.originals] == [(3,), (4,)]


def test_numbers_that_are_broadcast_twice_are_nobodys() -> None:
    """As cotangents of means of sums are: nobody can change the number that they show, so compiled
    functions need not look at it in each call."""
    constants = Constants(-1)
    row = spread(np.float64(0.5), (3,))
    constants.keep(np.broadcast_to(row[:, None], (3, 4)))
    assert constants.originals == []
