"""What a workload is: the declaration that every file in ``workloads/`` makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peers import is_installed

Size = int | str
Inputs = tuple[Any, ...]
# What is timed: ``function(*arguments)``, with no wrapper around it.
Call = tuple[Callable[..., Any], tuple[Any, ...]]
# Makes the call of one contestant from the workload's inputs; imports its library inside.
Builder = Callable[..., Call]
# The arguments after ``python -m`` of a program that prints its measurement as JSON.
Command = Sequence[str]


@dataclass(frozen=True)
class Target:
    """A figure functrans has to reach: a share of a peer's time, or (no peer) so many seconds."""

    at_most: float
    peer: str | None = None
    sizes: tuple[Size, ...] = ()


@dataclass(frozen=True)
class Workload:
    """One computation that all contestants do in this process.

    ``inputs`` makes NumPy data for a size; each builder turns it into the call of its contestant.
    ``quick_sizes`` are those of ``--quick`` and of the tests. ``limits`` names the largest size for
    contestants that take too long beyond it. Contestants in ``references`` compute something else
    on purpose (only the value, say), so their results are not compared. Those in ``ahead`` are
    compiled by their builder, so their first call is not asked about.
    """

    name: str
    title: str
    size_label: str
    sizes: tuple[Size, ...]
    quick_sizes: tuple[Size, ...]
    inputs: Callable[[Any], Inputs]
    contestants: Mapping[str, Builder]
    limits: Mapping[str, int] = field(default_factory=dict)
    references: frozenset[str] = frozenset()
    ahead: frozenset[str] = frozenset()
    targets: tuple[Target, ...] = ()

    def calls(self, size: Size) -> dict[str, Call]:
        """Build the calls of all installed contestants at ``size``, the baseline first."""
        inputs = self.inputs(size)
        return {name: self.contestants[name](*inputs) for name in entrants(self, size)}


@dataclass(frozen=True)
class ProbeWorkload:
    """One measurement that needs a fresh process: ``commands(contestant, size)`` is run in it.

    The program prints a JSON object with ``seconds`` and any further measurements. Programs that
    take seconds are repeated ``repetitions_at_most`` times.
    """

    name: str
    title: str
    size_label: str
    sizes: tuple[Size, ...]
    quick_sizes: tuple[Size, ...]
    contestants: tuple[str, ...]
    command: Callable[[str, Any], Command]
    limits: Mapping[str, int] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    repetitions_at_most: int = 15


AnyWorkload = Workload | ProbeWorkload


def entrants(workload: AnyWorkload, size: Size) -> list[str]:
    """Return the contestants of ``workload`` that are installed and admitted at ``size``."""
    return [
        name
        for name in workload.contestants
        if is_installed(name)
        and (name not in workload.limits or int(size) <= workload.limits[name])
    ]


def missing(workload: AnyWorkload) -> list[str]:
    """Return the contestants of ``workload`` that are not installed."""
    return [name for name in workload.contestants if not is_installed(name)]
