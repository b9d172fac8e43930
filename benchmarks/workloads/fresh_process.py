"""Time to the first result of a program in a fresh process, with the import of the library and
without."""

from __future__ import annotations

from benchmarks.workload import Command, ProbeWorkload, Size

PROGRAMS = ("chain", "scalar function", "Hessian", "MLP")

APART = ", imports apart"


def command(contestant: str, size: Size) -> Command:
    """Return the probe of a program."""
    program = str(size)
    imports = "without" if program.endswith(APART) else "with"
    return ("benchmarks.probes.first_result", contestant, program.removesuffix(APART), imports)


WORKLOAD = ProbeWorkload(
    name="fresh_process",
    title="First result of a fresh process",
    size_label="of",
    sizes=tuple(program + how for program in PROGRAMS for how in ("", APART)),
    quick_sizes=("chain",),
    contestants=("functrans", "functrans_native", "functrans_cached", "jax_jit", "jax_cached"),
    command=command,
)
