"""The table of the documentation: times, first results and memory of everybody who compiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.fresh import MEMORY, compiled
from benchmarks.report import Outcome, duration

PEERS = ("jax_jit", "torch", "torch_compile")

HEAD = (
    "| | `jax.jit`, PyTorch, `torch.compile` | first result | of `jax.jit`'s | MB, first call | "
    "MB, later |\n| --- | --- | --- | --- | --- | --- |\n"
)


def write_table(outcomes: Sequence[Outcome], path: Path) -> Path:
    """Write a row for each outcome that was measured in processes too."""
    path.write_text(HEAD + "".join(row(outcome) for outcome in outcomes if outcome.fresh))
    return path


def row(outcome: Outcome) -> str:
    """Return a row: the peers' times by ours, our first result and its share of JAX's, and the
    memory of everybody, ours first."""
    ours = compiled(outcome.fresh)
    times = [
        f"{outcome.samples[name].ratio_to(outcome.samples[ours]):.1f}"
        if name in outcome.samples
        else "–"
        for name in PEERS
    ]
    first = outcome.fresh[ours]["seconds"]
    theirs = outcome.fresh.get("jax_jit")
    share = f"{first / theirs['seconds']:.2f}" if theirs else "–"
    memory = [", ".join(megabytes(outcome, name, key) for name in (ours, *PEERS)) for key in MEMORY]
    cells = [
        f"`{outcome.workload.name}`, {outcome.label}",
        ", ".join(times),
        duration(first),
        share,
        *memory[:2],
    ]
    return f"| {' | '.join(cells)} |\n"


def megabytes(outcome: Outcome, name: str, key: str) -> str:
    """Return what is known of a contestant's memory."""
    value = outcome.fresh.get(name, {}).get(key)
    return "–" if value is None else f"{value:.1f}" if value < 10 else f"{value:.0f}"
