"""A minimum cut of a directed graph with integer capacities: Dinic's algorithm."""

from __future__ import annotations

INFINITE = 1 << 60


class Network:
    """Nodes 0, 1, ... and edges between them with capacities.

    Examples
    --------
    >>> network = Network(4)
    >>> network.edge(0, 1, 3)
    >>> network.edge(0, 2, 2)
    >>> network.edge(1, 3, 1)
    >>> network.edge(2, 3, 5)
    >>> network.source_side(0, 3)
    [True, True, False, False]
    """

    __slots__ = ("_capacity", "_edges", "_heads")

    def __init__(self, nodes: int) -> None:
        self._edges: list[list[int]] = [[] for _ in range(nodes)]  # by node; edge i ^ 1 is opposite
        self._heads: list[int] = []
        self._capacity: list[int] = []

    def edge(self, tail: int, head: int, capacity: int) -> None:
        self._edges[tail].append(len(self._heads))
        self._edges[head].append(len(self._heads) + 1)
        self._heads += (head, tail)
        self._capacity += (capacity, 0)

    def source_side(self, source: int, sink: int, work: int = 1 << 62) -> list[bool] | None:
        """For each node, whether it is on the source's side of the minimum cut that is nearest to
        the source; None if finding it takes more than `work` steps over edges."""
        while True:
            levels, steps = self._levels(source)
            if levels[sink] < 0:
                return [level >= 0 for level in levels]
            work -= steps + self._augment(source, sink, levels, work)
            if work < 0:
                return None

    def _levels(self, source: int) -> tuple[list[int], int]:
        """The distance of each node from the source by edges that are not full; -1: unreachable."""
        edges, heads, capacity = self._edges, self._heads, self._capacity
        levels = [-1] * len(edges)
        levels[source] = 0
        queue = [source]
        steps = 0
        for node in queue:
            steps += len(edges[node])
            for e in edges[node]:
                if capacity[e] and levels[heads[e]] < 0:
                    levels[heads[e]] = levels[node] + 1
                    queue.append(heads[e])
        return levels, steps

    def _augment(self, source: int, sink: int, levels: list[int], work: int) -> int:
        """Fill paths along which the distance grows until there is none: a blocking flow."""
        edges, heads, capacity = self._edges, self._heads, self._capacity
        place = [0] * len(edges)  # the edge of each node to try next
        path: list[int] = []
        node = source
        steps = 0
        while steps <= work:
            if node == sink:
                flow = min([capacity[e] for e in path])
                for e in path:
                    capacity[e] -= flow
                    capacity[e ^ 1] += flow
                full = next(i for i, e in enumerate(path) if not capacity[e])
                steps += len(path)
                node = heads[path[full] ^ 1]
                del path[full:]
                continue
            mine = edges[node]
            i = place[node]
            while i < len(mine):
                e = mine[i]
                if capacity[e] and levels[heads[e]] == levels[node] + 1:
                    break
                i += 1
            steps += i - place[node] + 1
            place[node] = i
            if i < len(mine):
                path.append(mine[i])
                node = heads[mine[i]]
            elif path:
                node = heads[path.pop() ^ 1]
                place[node] += 1
            else:
                break
        return steps
