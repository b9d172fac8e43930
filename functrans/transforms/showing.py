"""``show``: the graph of a function as a text and as a picture."""

from __future__ import annotations

import os
from functools import wraps
from html import escape
from typing import TYPE_CHECKING, Any, ParamSpec, overload

from functrans.core import tree
from functrans.core.errors import InputTypeError
from functrans.graph.drawing.svg import draw
from functrans.graph.graph import Graph
from functrans.transforms.arguments import positional_names
from functrans.transforms.staging import make_graph

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")


class Shown:
    """A graph that prints as a text, and shows as a picture in notebooks.

    Attributes
    ----------
    graph : Graph
    svg : str
        The picture. Its boxes tell types and the user's lines under the pointer.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> shown = ft.show(lambda x: np.sin(x) * 2.0)(1.0)
    >>> shown
    graph <lambda>(a: weak float64[]):
      b: float64[] = sin(a)
      c: float64[] = multiply(b, 2.0)
      return c
    >>> shown.svg[:4]
    '<svg'
    """

    __slots__ = ("_depth", "_labels", "_lines", "_svg", "graph")

    def __init__(
        self,
        graph: Graph,
        *,
        lines: bool = False,
        depth: int = 1,
        labels: list[str] | None = None,
    ) -> None:
        self.graph = graph
        self._lines = lines
        self._depth = depth
        self._labels = labels
        self._svg: str | None = None

    @property
    def svg(self) -> str:
        if self._svg is None:
            self._svg = draw(self.graph, self._depth, self._labels)
        return self._svg

    def __repr__(self) -> str:
        return self.graph.text(lines=self._lines)

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        """The picture, with the text to unfold below."""
        return (
            f'<div style="overflow:auto">{self.svg}</div>\n'
            f"<details><summary>as text</summary><pre>{escape(repr(self))}</pre></details>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture (``.svg``), a page with picture and text (``.html``), or the text
        (``.txt``).

        Raises
        ------
        InputTypeError
            Another suffix.
        """
        suffix = os.path.splitext(path)[1]
        if suffix == ".svg":
            text = self.svg
        elif suffix == ".html":
            text = self._page()
        elif suffix == ".txt":
            text = f"{self!r}\n"
        else:
            raise InputTypeError(
                f"show: {os.fspath(path)!r} has none of the suffixes .svg, .html and .txt, which "
                "say what to write"
            )
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def _page(self) -> str:
        head = '<!DOCTYPE html>\n<meta charset="utf-8">\n<meta name="color-scheme" '
        title = escape(self.graph.name)
        return f'{head}content="light dark">\n<title>{title}</title>\n{self._repr_html_()}'


@overload
def show(fun: Graph, *, lines: bool = ..., depth: int = ...) -> Shown: ...
@overload
def show(fun: Callable[P, Any], *, lines: bool = ..., depth: int = ...) -> Callable[P, Shown]: ...
def show(
    fun: Graph | Callable[..., Any], *, lines: bool = False, depth: int = 1
) -> Shown | Callable[..., Shown]:
    """A function that shows what `fun` computes: as a text, and in notebooks as a picture.

    Parameters
    ----------
    fun : callable or Graph
        As for :func:`make_graph`, transforms included: ``show(grad(f))(x)``. A graph is shown as it
        is: ``show(graph)``.
    lines : bool
        Add the user's lines to the text.
    depth : int
        How many levels of nested graphs (of loops and branches) to draw inside their boxes.

    Returns
    -------
    callable
        With the arguments of `fun`; returns a :class:`Shown`, with ``svg`` and ``save(path)``.

    Examples
    --------
    >>> import numpy as np, functrans as ft
    >>> ft.show(ft.grad(lambda x: np.sum(x**2)))(np.ones(3))
    graph <lambda>(a: float64[3]):
      constant0: float64[3]
      b: float64[3] = multiply(2, a)
      c: float64[3] = multiply(constant0, b)
      return c
    """
    if isinstance(fun, Graph):
        return Shown(fun, lines=lines, depth=depth)
    staged = make_graph(fun)

    @wraps(fun)
    def shown(*args: Any, **kwargs: Any) -> Shown:
        graph = staged(*args, **kwargs)
        return Shown(graph, lines=lines, depth=depth, labels=_labels(fun, graph))

    return shown


def _labels(fun: Callable[..., Any], graph: Graph) -> list[str]:
    """What the function calls the inputs of its graph: ``params['w']``."""
    names = positional_names(fun)
    labels = []
    for kind, first, *rest in tree.leaf_paths(graph.in_tree) if graph.in_tree else ():
        key = first.key
        if kind.key == 0 and isinstance(key, int):
            key = names[key] if key < len(names) else f"argument {key}"
        labels.append(f"{key}{tree.key_string(tuple(rest))}")
    return labels
