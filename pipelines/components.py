"""Connected components of a graph of keys, by alternating large-star and small-star steps.

Kiveris et al., Connected Components in MapReduce and Beyond, SoCC 2014. Each node ends joined to the smallest node
that it is connected with. A Beam graph has no loops, so the number of rounds is given, and whether they were enough
is an output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam

Edge = tuple[str, str]


class Components(beam.PTransform):
    """Edges of any direction -> {"labels": (node, smallest node of its component), "unsettled": nodes in doubt}.

    The smallest node itself has no label. A node in doubt means that more rounds are needed.
    """

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.rounds = rounds

    def expand(self, edges: beam.PCollection) -> dict[str, beam.PCollection]:
        for number in range(self.rounds):
            edges = (
                edges
                | f"both ways {number}" >> beam.FlatMapTuple(both_ways)
                | f"neighbours {number}" >> beam.GroupByKey()
                | f"large star {number}" >> beam.FlatMapTuple(large_star)
                | f"smaller neighbours {number}" >> beam.GroupByKey()
                | f"small star {number}" >> beam.FlatMapTuple(small_star)
            )
        roles = edges | beam.FlatMapTuple(both_roles) | "roles" >> beam.GroupByKey()
        return {
            "labels": edges | beam.CombinePerKey(min),
            "unsettled": roles | "in doubt" >> beam.FlatMapTuple(in_doubt),
        }


def both_ways(a: str, b: str) -> list[Edge]:
    """An edge, seen from either end."""
    return [(a, b), (b, a)]


def large_star(node: str, neighbours: Iterable[str]) -> Iterator[Edge]:
    """Join every larger neighbour to the smallest node in sight; edges point from the larger node."""
    seen = set(neighbours)
    smallest = min(node, *seen)
    for other in seen:
        if other > node:
            yield other, smallest


def small_star(node: str, smaller: Iterable[str]) -> Iterator[Edge]:
    """Join a node and its smaller neighbours to the smallest of them."""
    seen = set(smaller)
    smallest = min(seen)
    yield node, smallest
    for other in seen:
        if other != smallest:
            yield other, smallest


def both_roles(child: str, centre: str) -> list[tuple[str, str]]:
    """What an edge makes of its two ends: a child has the name of its centre, a centre has ''."""
    return [(child, centre), (centre, "")]


def in_doubt(node: str, roles: Iterable[str]) -> Iterator[str]:
    """The node, unless it is only a centre, or the child of just one."""
    if len(set(roles)) > 1:
        yield node
