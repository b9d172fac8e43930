"""The part of the graph of tensors that a backward pass goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functrans.torch.operation import Edge

from functrans.torch.operation import Node


def reachable(roots: Sequence[Edge]) -> tuple[dict[int, Node], list[Node]]:
    """All nodes on which these depend, theirs included, by their orders, and by the places of
    outputs; and which of them are leaves, or are not ready, as those that were released."""
    found: dict[int, Node] = {edge.order: edge.node for edge in roots}
    others: list[Node] = []
    waiting = list(found.values())
    for node in waiting:  # which grows
        if node.ready:
            edges: Any = node.edges
        elif node.types is not None and found.get(node.order) is node:
            continue  # come to by another output
        else:
            found[node.order] = node
            others.append(node)
            edges = [edge for edge in node.all_edges() if edge is not None]
        for edge in edges:
            place = edge.order
            if place not in found:
                found[place] = near = edge if type(edge) is Node else edge.node
                waiting.append(near)
    return found, others


def in_order(found: dict[int, Node]) -> list[Node]:
    """The nodes that were reached, each once, those first on which others depend."""
    return [found[order] for order in sorted(found) if found[order].order == order]


def leading_to(wanted: set[Any], nodes: Sequence[Node]) -> tuple[set[Node], set[Node]]:
    """The nodes whose rules have to run for the cotangents of these leaves and outputs, and those
    whose cotangents are needed."""
    ends = {edge.node for edge in wanted}
    needed: set[Node] = set()
    for node in nodes:
        for edge in node.all_edges():
            if edge is not None and (edge.node in needed or edge.node in ends):
                needed.add(node)
                break
    return needed, needed | ends
