"""Which constants of a graph somebody else could change."""

import numpy as np

from functrans.core.constants import Constants, same_bits
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


def test_what_lies_in_memory_is_looked_at_once() -> None:
    """A constant that is broadcast, as the cotangent of a sum is, is met again in each rule: all
    its elements would be a copy each time."""
    constants, number = Constants(-1), np.ones((3, 1))
    row = np.broadcast_to(number, (1 << 40, 3, 2))  # more than there is memory for
    first = constants.keep(row)
    assert constants.keep(row) is first and first.shape == row.shape
    number[1] = -1.0
    changed = constants.keep(row)
    assert changed is not first and changed[5, 1, 1] == -1.0 and first[5, 1, 1] == 1.0


def test_bits_of_arrays_of_other_strides() -> None:
    """An axis along which only one array is broadcast is compared element by element."""
    row = np.array([[1.0, -0.0]])
    wide = np.broadcast_to(row, (3, 2))
    whole = wide.copy()
    assert same_bits(wide, whole) and same_bits(whole, wide)
    assert same_bits(wide, np.broadcast_to(row.copy(), (3, 2)))
    whole[2, 1] = 0.0
    assert not same_bits(wide, whole) and not same_bits(whole, wide)
    assert not same_bits(wide, np.broadcast_to(np.zeros((1, 2)), (3, 2)))
    backwards = np.broadcast_to(row[:, ::-1], (3, 2))
    assert not same_bits(wide, backwards) and same_bits(wide, backwards[:, ::-1])
