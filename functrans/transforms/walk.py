"""The backward walk over a tape that :mod:`functrans.transforms.reverse` has recorded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.algebra import algebra
from functrans.core.cotangent import (
    SMALL,
    Cotangents,
    Masked,
    keep_masked,
    moved,
    settle,
    zeros,
)
from functrans.core.interpreter import stack
from functrans.core.types import ArrayType
from functrans.transforms.accelerated import Accelerated, hook
from functrans.transforms.watching import watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from functrans.core.primitive import Primitive


class Place:
    """Where a walk is on its tape.

    `around` is for those who ask to remember what they find around the walk.
    """

    __slots__ = ("around", "index", "tape")

    def __init__(self, tape: list[Any]) -> None:
        self.tape = tape
        self.index = -1
        self.around: Any = None

    def told(self, entries: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        """The entries, each noted when its turn comes."""
        for k, entry in entries:
            self.index = k
            yield k, entry


class _Walks(threading.local):
    """The walks of this thread whose operations are recorded, the innermost last."""

    def __init__(self) -> None:
        self.open: list[Place] = []


walks = _Walks()


def pull_back(tape: list[Any], cotangents: Cotangents, *, base: int = 0, keep: bool) -> None:
    """Walk the tape, whose first entry has the index `base`, backwards, adding to earlier
    cotangents.

    The cotangents of inputs stay; those of other values are released on the way, and so are the
    entries of the tape unless `keep`.
    """
    places = range(base + len(tape) - 1, base - 1, -1)
    entries = zip(places, reversed(tape), strict=True)
    spent = None if keep else tape
    recorder = stack.top
    while recorder is not None and not recorder.records:
        recorder = recorder.parent
    if recorder is None:
        walk(entries, cotangents, spent, base)
        return
    place = Place(tape)
    walks.open.append(place)
    try:
        walk(place.told(entries), cotangents, spent, base)
    finally:
        walks.open.pop()


def walk(
    entries: Iterable[tuple[Any, Any]],
    cotangents: Cotangents,
    spent: list[Any] | None = None,
    base: int = 0,
) -> None:
    """Carry cotangents through entries, which come with their places and the last one first."""
    if watching.pulled is not None:
        entries = _watched(entries, watching.pulled)
    floor, least = stack.top if type(stack.top) is Accelerated else None, hook.least
    values, touched = cotangents.values, cotangents.touched
    add, ndarray = np.add, np.ndarray  # looked up once: numpy's attributes take long
    with np.errstate(all="ignore"):  # inner values of formulas, as 1/x at 0, would warn of nothing
        for k, entry in entries:
            if entry is None:
                continue
            primitive, links = entry
            if spent is not None:
                spent[k - base] = primitive  # the residuals go, the name stays for messages
            g = values[k]
            if g is not None:
                values[k] = None
            elif type(primitive) is tuple:
                types = primitive
                primitive, links = links
                if links is None:  # it does all by itself
                    primitive.pull_at(k, cotangents)
                    continue
                g = outputs_cotangent(values, k, types)
                if g is None:
                    continue
            else:
                continue
            if touched and k in touched:
                g = cotangents.mask_untouched(k, g)
            if type(g) is Masked:
                if primitive.masks is not None:
                    _pull_masked(primitive, links, g, cotangents)
                    continue
                g = g.value
            if floor is not None and type(g) is ndarray and g.size >= least:
                links = floor.pulling(primitive, links)
            for pull, index, residuals, params, space in links:
                d = pull(g, residuals) if params is None else pull(g, residuals, params)
                if space is None or (
                    type(d) is ndarray
                    and type(space) is ArrayType
                    and d.dtype is space.dtype
                    and d.shape == space.shape
                ):
                    held = values[index]
                    if held is None:
                        values[index] = d
                    elif type(held) is type(d) is ndarray and not touched and d.nbytes <= SMALL:
                        values[index] = add(held, d)
                    else:
                        cotangents.add(index, d, None)
                elif type(space) is list:
                    for i, part, kind in zip(index, d, space, strict=True):
                        if i is not None and part is not None:
                            cotangents.add(i, settle(part, kind), kind)
                else:
                    cotangents.add(index, settle(d, space), space)


def _watched(
    entries: Iterable[tuple[Any, Any]], look: Callable[..., None]
) -> Iterator[tuple[Any, Any]]:
    """The entries with pulls whose results are looked at."""

    def looking(primitive: Any, links: Any) -> list[Any]:
        def watch(pull: Callable[..., Any]) -> Callable[..., Any]:
            def watched(*args: Any) -> Any:
                found = pull(*args)
                look(primitive, args, found)
                return found

            return watched

        return [(watch(pull), *rest) for pull, *rest in links]

    for k, entry in entries:
        if entry is None:
            yield k, entry
        elif type(entry[0]) is not tuple:
            yield k, (entry[0], looking(*entry))
        else:
            types, (primitive, links) = entry
            yield k, (types, (primitive, None if links is None else looking(primitive, links)))


def outputs_cotangent(values: Any, k: int, types: tuple[ArrayType | None, ...]) -> Any:
    """The cotangents of an operation's several outputs, with zeros where there is none."""
    found = []
    for i in range(k + 1, k + 1 + len(types)):
        found.append(values[i])
        values[i] = None
    if all(g is None for g in found):
        return None
    return tuple(
        (kind and zeros(kind)) if g is None else g.value if type(g) is Masked else g
        for g, kind in zip(found, types, strict=True)
    )


def _pull_masked(primitive: Primitive, links: Any, g: Masked, cotangents: Cotangents) -> None:
    """Pull a cotangent with structural zeros through an operation that keeps or moves them."""
    for pull, index, residuals, params, space in links:
        d = pulled(pull, g.value, residuals, params)
        if primitive.masks == "lanes":
            parts: list[Any] = [(index, keep_masked(d, g.mask), space)]
        else:
            lanes = pulled(pull, algebra.astype(g.mask, dtype=np.dtype(float)), residuals, params)
            joint = type(space) is list
            parts = [
                (i, moved(part, lane), kind)
                for i, part, lane, kind in zip(
                    *((index, d, lanes, space) if joint else ([index], [d], [lanes], [space])),
                    strict=True,
                )
                if i is not None
            ]
        for i, part, kind in parts:
            cotangents.add(i, part if kind is None else settle(part, kind), kind)


def pulled(pull: Callable[..., Any], g: Any, residuals: Any, params: Any) -> Any:
    """A cotangent pulled through a link."""
    return pull(g, residuals) if params is None else pull(g, residuals, params)
