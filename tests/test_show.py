"""show: the text, and pictures without overlap that say what the graph says.

``python -m tests.test_show`` draws the picture of the documentation anew.
"""

import re
import time
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.graph.drawing.layout import Box, Line, arrange
from functrans.graph.drawing.svg import _Builder
from tests.test_graph import nested

PAGE_PICTURE = Path(__file__).parent.parent / "docs" / "graph.svg"


def loss(params: Any, x: Any, y: Any) -> Any:
    return np.mean((np.tanh(x @ params["w"] + params["b"]) - y) ** 2)


ARGS = {"w": np.ones((3, 2)), "b": np.zeros(2)}, np.ones((5, 3)), np.ones((5, 2))


def chain(x: Any, n: int) -> Any:
    for i in range(n):
        x = np.sin(x) * np.cos(x + i)
    return np.sum(x)


GRAPHS = {
    "loss": ft.make_graph(loss)(*ARGS),
    "gradient": ft.make_graph(ft.value_and_grad(loss))(*ARGS),
    "hessian": ft.make_graph(ft.hessian(lambda x: np.sum(np.exp(x[1:] * x[:-1]))))(np.ones(3)),
    "chain": ft.make_graph(ft.grad(lambda x: chain(x, 12)))(np.ones(2)),
    "nested": nested(ft.make_graph(lambda x: np.sin(x) * np.cos(x))(np.ones(2))),
    "qr": ft.make_graph(lambda x: np.matmul(*np.linalg.qr(x)))(np.eye(2)),
    "identity": ft.make_graph(lambda x: (x, 1.0, np.ones(3)))(1.0),
    "gradient of scan": ft.make_graph(
        ft.grad(
            lambda w: np.sum(
                ft.scan(lambda h, x: (np.tanh(w @ h + x), h), np.zeros(3), np.ones((5, 3)))[0]
            )
        )
    )(np.eye(3)),
    "effect": ft.make_graph(lambda x: (ft.debug.print("{}", x), x)[1])(1.0),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_boxes_do_not_overlap_and_lines_go_down(name: str) -> None:
    picture = _Builder(GRAPHS[name], 1).picture()
    boxes = [node.box for node in picture.nodes]
    for i, a in enumerate(boxes):
        assert a.x - a.width / 2 > -1e-6 and a.x + a.width / 2 < picture.width + 1e-6
        for b in boxes[:i]:
            apart = (
                abs(a.x - b.x) - (a.width + b.width) / 2,
                abs(a.y - b.y) - (a.height + b.height) / 2,
            )
            assert max(apart) > 1.0, (a, b)
    for line in picture.lines:
        assert all(-1e-6 < x < picture.width + 1e-6 for x, _ in line.points)
        assert all(y < v for (_, y), (_, v) in pairwise(line.points))
        (top, _), (bottom, _) = line.points[0], line.points[-1]
        assert abs(top - line.source.x) < line.source.width / 2
        assert abs(bottom - line.target.x) < line.target.width / 2


@pytest.mark.parametrize("name", GRAPHS)
def test_the_picture_says_what_the_graph_says(name: str) -> None:
    graph = GRAPHS[name]
    for depth in (0, 1):
        svg = ft.show(graph, depth=depth).svg
        root = ElementTree.fromstring(svg)
        titles = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
        for line in str(graph).splitlines()[1:-1]:
            if " graph " not in line and " return " not in line:
                assert any(line.strip() in title for title in titles), line
        numbers = re.findall(r"-?\d+\.?\d*", "".join(p.get("d", "") for p in root.iter()))
        assert numbers or not graph.equations
        assert all(np.isfinite(float(n)) for n in numbers)
    for equation in graph.equations:
        assert any(equation.line in title for title in titles)


def test_few_crossings_and_straight_chains() -> None:
    boxes = [Box(50.0, 20.0) for _ in range(6)]
    lines = [Line(boxes[i], boxes[j], 0.0, 0.0) for i, j in ((0, 3), (1, 2), (2, 5), (3, 4))]
    arrange(boxes, lines)
    assert (boxes[0].x - boxes[1].x) * (boxes[3].x - boxes[2].x) > 0  # they do not cross
    for line in lines:
        assert abs(line.source.x - line.target.x) < 1.0
    assert arrange([], []) == (0.0, 0.0)


@pytest.mark.parametrize("n", [20, 200])
def test_large_graphs_take_a_moment(n: int) -> None:
    graph = ft.make_graph(ft.grad(lambda x: chain(x, n)))(1.0)
    assert len(graph.equations) > 10 * n
    start = time.perf_counter()
    assert ft.show(graph).svg.count("<rect") > len(graph.equations)
    assert time.perf_counter() - start < 10.0  # on a machine with much else to do


def test_texts_and_files(tmp_path: Path) -> None:
    shown = ft.show(loss, lines=True)(*ARGS)
    assert repr(shown) == shown.graph.text(lines=True)
    for label in ("params[&#x27;w&#x27;]", ">x<", ">y<", "sum axes=(0, 1)", "divide 10"):
        assert label in shown.svg, label
    for suffix, text in ((".svg", shown._repr_svg_()), (".txt", f"{shown!r}\n")):
        shown.save(tmp_path / f"loss{suffix}")
        assert (tmp_path / f"loss{suffix}").read_text(encoding="utf-8") == text
    shown.save(tmp_path / "loss.html")
    page = (tmp_path / "loss.html").read_text(encoding="utf-8")
    assert shown._repr_html_() in page and shown.svg in page and "@ params" not in page


def drawn_for_the_page() -> str:
    """The picture of docs/seeing.md, without the lines of this file under the pointer."""
    svg = ft.show(ft.value_and_grad(loss))(*ARGS).svg
    return re.sub(r"\n[^\n]*test_show\.py[^<]*", "", svg)


def test_the_picture_of_the_documentation_is_one() -> None:
    """Not that of today: rules that become better would change it each time."""
    root = ElementTree.fromstring(PAGE_PICTURE.read_text(encoding="utf-8"))
    titles = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    called = {found[1] for t in titles if (found := re.search(r" = (\w+)\(", t))}
    assert called >= {"matmul", "tanh", "sum"}
    assert not any(".py" in title for title in titles)


if __name__ == "__main__":
    PAGE_PICTURE.write_text(drawn_for_the_page(), encoding="utf-8")
