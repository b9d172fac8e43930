"""SciPy's own functions that say why they have no rule where a traced array comes."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from functrans.core.errors import MissingRuleError, user_line
from functrans.numpy.operands import contains_traced

if TYPE_CHECKING:
    from collections.abc import Callable


def refused(function: Callable[..., Any], reason: str) -> Callable[..., Any]:
    """SciPy's `function`, which says why it has no rule if it meets a traced array."""
    module = ".".join(getattr(function, "__module__", "scipy.special").split(".")[:2])

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if contains_traced(args) or contains_traced(tuple(kwargs.values())):
            raise MissingRuleError(
                f"{module}.{function.__name__} has no rule for traced arrays (called at "
                f"{user_line()}): {reason}"
            )
        return function(*args, **kwargs)

    call.reason = reason  # type: ignore[attr-defined]
    return call
