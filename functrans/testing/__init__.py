"""Checks of derivatives, for users' functions and for rules: ``check_grads`` and ``check_rules``.

They are what the library's own tests use. Both raise ``AssertionError`` with what was expected and
found.
"""

from functrans.primitives.samples import Sample as Sample
from functrans.testing.gradients import check_grads as check_grads
from functrans.testing.rules import check_rules as check_rules
