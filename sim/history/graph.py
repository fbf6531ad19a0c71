"""Directed graphs of operations: strongly connected components and shortest cycles.

Knows: numbers and successors.  Does not know: what an operation is.
Invariant: no recursion, so that a graph of a million vertices needs no stack of that depth.
"""

from collections.abc import Callable, Iterable, Mapping

Successors = Mapping[int, list[int]]


def components(vertices: Iterable[int], successors: Successors) -> list[list[int]]:
    """Strongly connected components of two or more vertices, each sorted (Tarjan 1972).  A missing vertex has none."""
    found: list[list[int]] = []
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    stacked: set[int] = set()
    for root in vertices:
        if root in index:
            continue
        path = [(root, iter(successors.get(root, ())))]
        index[root] = low[root] = len(index)
        stack.append(root)
        stacked.add(root)
        while path:
            vertex, edges = path[-1]
            for other in edges:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    stacked.add(other)
                    path.append((other, iter(successors.get(other, ()))))
                    break
                if other in stacked:
                    low[vertex] = min(low[vertex], index[other])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[vertex])
                if low[vertex] == index[vertex]:
                    cut = stack.index(vertex) if stack[-1] != vertex else len(stack) - 1
                    component = stack[cut:]
                    del stack[cut:]
                    stacked.difference_update(component)
                    if len(component) > 1:
                        found.append(sorted(component))
    return found


def shortest_cycle(component: list[int], successors: Callable[[int], Iterable[int]], starts_max: int = 64) -> list[int]:
    """A cycle through one of the first few vertices of a component, no longer than any other through them."""
    inside = set(component)
    best: list[int] = []
    for start in component[:starts_max]:
        came: dict[int, int] = {}
        wave = [start]
        while wave and start not in came:
            following: list[int] = []
            for vertex in wave:
                for other in successors(vertex):
                    if other in inside and other not in came:
                        came[other] = vertex
                        following.append(other)
            wave = following
        assert start in came, "a component has a cycle through each of its vertices"
        cycle = [start]
        while came[cycle[-1]] != start:
            cycle.append(came[cycle[-1]])
        cycle = [start, *reversed(cycle[1:])]
        if not best or len(cycle) < len(best):
            best = cycle
    return best
