"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.threads import limit_threads


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time functrans and the installed peers in one process, interleaved.",
    )
    parser.add_argument(
        "--workloads",
        metavar="A,B",
        type=lambda text: text.split(","),
        help="names of the workloads to run (default: all; a wrong name lists them)",
    )
    parser.add_argument(
        "--repetitions",
        metavar="N",
        type=positive_integer,
        help="rounds in which every contestant is timed once (default: 15, or 3 with --quick)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few rounds and the small sizes only: a check that everything runs, not a measurement",
    )
    parser.add_argument(
        "--threads",
        metavar="N",
        type=positive_integer,
        default=1,
        help="threads that each library may use (default: 1)",
    )
    parser.add_argument(
        "--torch-compile",
        action="store_true",
        help="let torch.compile take part, which compiles for tens of seconds a workload",
    )
    parser.add_argument(
        "--processes",
        action="store_true",
        help="measure first results and peak memory as well, each in a process of its own",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        default=Path(__file__).parent / "results",
        help="folder for results.json and ratios.png (default: benchmarks/results)",
    )
    return parser.parse_args(arguments)


def positive_integer(text: str) -> int:
    """Return ``text`` as an integer of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number


def main() -> None:
    """Run the benchmarks that the command line asks for."""
    arguments = parse_arguments()
    limit_threads(arguments.threads)
    # Imported only now: numerical libraries read the thread limits when they load.
    from benchmarks import peers
    from benchmarks.run import run

    if arguments.torch_compile:
        peers.SLOW.remove("torch_compile")
    try:
        run(
            names=arguments.workloads,
            repetitions=arguments.repetitions or (3 if arguments.quick else 15),
            quick=arguments.quick,
            output=arguments.output,
            processes=arguments.processes,
        )
    except (LookupError, ImportError) as error:
        sys.exit(f"benchmarks: {error}")


if __name__ == "__main__":
    main()
