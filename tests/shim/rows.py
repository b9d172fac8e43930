"""Calls of functrans.torch that are compared with PyTorch's at ordinary and at hard points.

Each line is an expression of tensors x and y, and of `m` (a square matrix), `i` (positions), which
`tests/shim/test_table.py` evaluates with tensors of every kind. A function or method without a
line fails the test.
"""

import re

from tests.shim.rows_arrays import FOURIER, INDEXING, PRODUCTS, REDUCTIONS, SHAPES
from tests.shim.rows_elementwise import ELEMENTWISE, PAIRS, SPECIAL

LINES = [
    line
    for block in (*(ELEMENTWISE, PAIRS, REDUCTIONS, SHAPES, INDEXING, PRODUCTS, SPECIAL, FOURIER),)
    for line in block.strip().split("\n")
]

IN_PLACE = """
x.clone().zero_()
x.clone().fill_(2)
x.clone().fill_(x.reshape(-1)[0])
x.clone().copy_(y)
x.clone().fill_diagonal_(3)
x.clone().unsqueeze_(0)
x.clone().squeeze_()
x.clone().transpose_(0, 1)
x.clone().swapaxes_(0, 1)
x.clone().swapdims_(0, 1)
x.clone().t_()
x.clone().detach_()
x.clone().requires_grad_(False) if not x.requires_grad else x
"""


def in_place_lines(names: set[str]) -> dict[str, str]:
    """The calls of methods whose name ends in an underscore, and those without it after which they
    are made."""
    found = {line: line for line in IN_PLACE.strip().split("\n")}
    for line in LINES:
        called = re.fullmatch(r"(?:x\.(\w+)\((.*)|torch\.(\w+)\(x(?:, )?(.*))\)", line)
        if called:
            name = called[1] or called[3]
            if f"{name}_" in names and ").values" not in line:
                found[f"x.clone().{name}_({called[2] or called[4] or ''})"] = line
    return found
