"""The report: tables on the screen, JSON and a figure on disk."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.fresh import MEMORY, Measured
from benchmarks.peers import BASELINE, PEERS, versions
from benchmarks.threads import limits
from benchmarks.timing import Samples
from benchmarks.workload import AnyWorkload, Size, Target, Workload, missing

BAR_WIDTH = 24
UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))


@dataclass(frozen=True)
class Outcome:
    """What was measured of one workload at one size."""

    workload: AnyWorkload
    size: Size
    samples: dict[str, Samples]
    first_seconds: dict[str, float]
    fresh: dict[str, Measured] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The size with its meaning, such as ``n = 100``."""
        label = self.workload.size_label
        size = f"{self.size:,}" if isinstance(self.size, int) else self.size
        return f"{label} = {size}" if label else size

    def ratio(self, name: str) -> float:
        """Return the time of contestant ``name`` over that of functrans."""
        return self.samples[name].ratio_to(self.samples[BASELINE])

    def rivals(self) -> list[str]:
        """Return the peers that do the same as functrans, the fastest first."""
        references = self.workload.references if isinstance(self.workload, Workload) else ()
        names = [name for name in self.samples if name != BASELINE and name not in references]
        return sorted(names, key=self.ratio)

    def figures(self) -> list[tuple[Target, float]]:
        """Return the targets that apply here, each with the figure that was measured."""
        ours = self.samples[BASELINE]
        found = []
        for target in self.workload.targets:
            if target.sizes and self.size not in target.sizes:
                continue
            if target.peer is None:
                found.append((target, ours.median))
            elif target.peer in self.samples:
                found.append((target, ours.ratio_to(self.samples[target.peer])))
        return found


def duration(seconds: float) -> str:
    """Return ``seconds`` with three digits and a unit that suits them."""
    unit, scale = next((pair for pair in UNITS if seconds >= 0.9995 * pair[1]), UNITS[-1])
    number = seconds / scale
    return f"{number:.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"


def print_workload(workload: AnyWorkload, outcomes: Sequence[Outcome]) -> None:
    """Print the table of one workload: a block for each size, the fastest contestant first."""
    print(f"\n{workload.title}  [{workload.name}]")
    absent = missing(workload)
    if absent:
        print(f"  skipped, not installed: {', '.join(PEERS[name].label for name in absent)}")
    for outcome in outcomes:
        print(f"  {outcome.label}")
        slowest = max(samples.median for samples in outcome.samples.values())
        for name in sorted(outcome.samples, key=lambda name: outcome.samples[name].median):
            print(f"    {contestant_line(outcome, name, slowest)}")
        for target, figure in outcome.figures():
            print(f"    {target_line(target, figure)}")
        if outcome.fresh:
            print(
                "    in a process of its own: first result, then the most memory over that of the"
            )
            print("    library and the data, in the first call and later, and of the process")
            for name, measured in outcome.fresh.items():
                print(f"      {process_line(name, measured)}")


def contestant_line(outcome: Outcome, name: str, slowest: float) -> str:
    """Return a row of the table: label, time, ratio to functrans, a bar, further measurements."""
    samples = outcome.samples[name]
    ratio = "" if name == BASELINE else f"{outcome.ratio(name):.2f}x"
    bar = "#" * max(1, round(BAR_WIDTH * samples.median / slowest))
    extras = ", ".join(
        f"{median(values):.3g} {key.replace('_', ' ')}" for key, values in samples.extras.items()
    )
    row = f"{PEERS[name].label:<29}{duration(samples.median):>9} {ratio:>9}  {bar}  {extras}"
    return row.rstrip()


def process_line(name: str, measured: Measured) -> str:
    """Return what a process of its own measured of a contestant."""
    megabytes = [f"{value:8.1f} MB" for key, value in measured.items() if key in MEMORY]
    row = f"{PEERS[name].label:<27}{duration(measured['seconds']):>9} {''.join(megabytes)}"
    return row.rstrip()


def target_line(target: Target, figure: float) -> str:
    """Return one line that says whether functrans reaches a target."""
    verdict = "reached" if figure <= target.at_most else "MISSED"
    if target.peer is None:
        return f"target {verdict}: {duration(figure)} (at most {duration(target.at_most)})"
    peer = PEERS[target.peer].label
    return f"target {verdict}: {figure:.2f} of {peer}'s time (at most {target.at_most:.2f})"


def print_summary(outcomes: Sequence[Outcome]) -> None:
    """Print one line for each workload and size: who wins, and by how much."""
    print("\nWho wins (the other's time over the winner's)")
    for outcome in outcomes:
        rivals = outcome.rivals()
        if not rivals:
            continue
        best = rivals[0]
        ratio = outcome.ratio(best)
        name = f"{outcome.workload.name}, {outcome.label}"
        if ratio >= 1:
            verdict = f"functrans, {ratio:.2f}x before {PEERS[best].label}"
        else:
            verdict = f"{PEERS[best].label}, {1 / ratio:.2f}x before functrans"
        print(f"  {name:<33} {verdict}")
    figures = [pair for outcome in outcomes for pair in outcome.figures()]
    reached = sum(figure <= target.at_most for target, figure in figures)
    if figures:
        print(f"Targets reached: {reached} of {len(figures)}")


def machine() -> dict[str, Any]:
    """Return what is known of this machine."""
    description = platform.processor()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                description = line.split(":", 1)[1].strip()
                break
    return {
        "system": platform.platform(),
        "processor": description or platform.machine(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
    }


def write_json(outcomes: Sequence[Outcome], settings: dict[str, Any], path: Path) -> Path:
    """Write everything that was measured to ``path``."""
    document = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "settings": settings | {"environment": limits()},
        "results": [
            {
                "workload": outcome.workload.name,
                "title": outcome.workload.title,
                "size": outcome.size,
                "contestants": {
                    name: samples.as_json(outcome.samples[BASELINE])
                    | {"first_call_seconds": outcome.first_seconds.get(name)}
                    for name, samples in outcome.samples.items()
                },
                "processes": outcome.fresh,
                "targets": [
                    asdict(target) | {"measured": figure, "reached": figure <= target.at_most}
                    for target, figure in outcome.figures()
                ],
            }
            for outcome in outcomes
        ],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


def draw(outcomes: Sequence[Outcome], path: Path) -> Path:
    """Draw the ratio of every peer to functrans, one row for each workload and size."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    rows = [outcome for outcome in outcomes if outcome.rivals()]
    height = 1.6 + 0.28 * len(rows)
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots()
    axes.set_prop_cycle(color=colormaps["tab20"].colors)  # there are more peers than ten
    for name in PEERS:
        points = [
            (outcome.ratio(name), -row)
            for row, outcome in enumerate(rows)
            if name in outcome.rivals()
        ]
        if points:
            ratios, positions = zip(*points, strict=True)
            axes.plot(ratios, positions, "o", label=PEERS[name].label, alpha=0.8)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xscale("log")
    smallest, largest = axes.get_xlim()
    axes.set_xlim(min(smallest, 0.5), max(largest, 2.0))
    axes.set_xlabel("time of the peer / time of functrans (right of the line: functrans is faster)")
    axes.set_yticks(
        [-row for row in range(len(rows))],
        [f"{outcome.workload.name}, {outcome.label}" for outcome in rows],
    )
    axes.set_ylim(-len(rows), 1)
    axes.grid(alpha=0.3)
    if rows:
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, dpi=150)
    return path
