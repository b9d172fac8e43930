"""How arrays share their elements with others: what a traced array knows of its base and its views.

What a write to one does to the others is in ``functrans.numpy.views``.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from functrans.core.array import TracedArray

    F = Callable[..., Any]


class Place:
    """How one array shares its elements with others.

    Attributes
    ----------
    base : TracedArray or None
        The array of which this one is a view; None for an array of its own.
    read : callable or None
        Makes the content of the view of that of the base.
    show : callable or None
        The same by NumPy, for the numbers of the elements.
    key : object
        The basic index that made the view, or None.
    always : bool
        It is a view even where NumPy's function gives a copy of the numbers (``x.flat``).
    views : list of weakref.ref
        The views of this array.
    written : bool
        It was written to: what is read of it is kept apart from its memory.
    apart : bool
        Its content is known not to hold the memory of its root.
    """

    __slots__ = (
        "always",
        "apart",
        "base",
        "key",
        "numbers",
        "pruned",
        "read",
        "show",
        "views",
        "written",
    )

    def __init__(
        self,
        base: Any = None,
        read: F | None = None,
        show: F | None = None,
        key: Any = None,
        always: bool = False,
    ) -> None:
        self.base = base
        self.read = read
        self.show = show
        self.key = key
        self.always = always
        self.views: list[weakref.ref[Any]] = []
        self.pruned = 8
        self.numbers: Any = None
        self.written = False
        self.apart = False

    def enter(self, view: TracedArray) -> None:
        """Add a view; those that are gone are dropped now and then."""
        if len(self.views) >= self.pruned:
            self.views = [v for v in self.views if v() is not None]
            self.pruned = 8 + 2 * len(self.views)
        self.views.append(weakref.ref(view))
