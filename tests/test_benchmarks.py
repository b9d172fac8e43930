"""The benchmarks' contestants agree with functrans, and the timer and its report do their job."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fresh, memory, report, run, table, timing
from benchmarks.peers import BASELINE, PEERS, WrongResultError, check_result, is_installed
from benchmarks.workload import ProbeWorkload, Workload, entrants
from benchmarks.workloads import WORKLOADS, untraced

# PyTorch's own modules still use torch.jit.script, and torch.func loads them.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

IN_PROCESS = [workload for workload in WORKLOADS if isinstance(workload, Workload)]
PROBES = [workload for workload in WORKLOADS if isinstance(workload, ProbeWorkload)]


@pytest.mark.parametrize("workload", IN_PROCESS, ids=lambda workload: workload.name)
def test_contestants_agree(workload: Workload) -> None:
    for size in workload.quick_sizes if workload.name == "untraced" else workload.sizes[:1]:
        calls, first_seconds = run.checked_calls(workload, size)
        assert next(iter(calls)) == BASELINE
        assert list(first_seconds) == list(calls)


@pytest.mark.parametrize("workload", IN_PROCESS, ids=lambda workload: workload.name)
def test_no_contestant_is_another_one(workload: Workload) -> None:
    # A function timed against itself ties, and proves nothing.
    for size in workload.quick_sizes if workload.name == "untraced" else workload.sizes[:1]:
        functions = [function for function, _ in workload.calls(size).values()]
        bare = [getattr(function, "func", function) for function in functions]
        assert len({id(function) for function in bare}) == len(bare)


@pytest.mark.parametrize("workload", PROBES, ids=lambda workload: workload.name)
def test_probe_measures_functrans(workload: ProbeWorkload) -> None:
    measured = timing.run_probe(workload.command(BASELINE, workload.quick_sizes[0]))
    assert 0 < measured["seconds"] < 60


def test_every_wrapper_is_timed() -> None:
    """The untraced workload leaves out what is NumPy's own, and nothing else."""
    namespace = importlib.import_module("functrans.numpy")
    wrapped = {
        name
        for name in vars(np)
        if inspect.isroutine(getattr(np, name))
        and name[0] != "_"
        and getattr(namespace, name) is not getattr(np, name)
    }
    # Of the standard, and new in NumPy 2.1; as zeros, but with values that cannot be compared.
    untimed = {"astype", "empty", "empty_like"}
    assert set(untraced.OPERATIONS) == wrapped - untimed


def test_probes_read_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    seen: list[dict[str, str]] = []

    def record(*_: object, env: dict[str, str], **__: object) -> subprocess.CompletedProcess[str]:
        seen.append(env)
        return subprocess.CompletedProcess([], 0, stdout='{"seconds": 1.0}')

    monkeypatch.setattr(subprocess, "run", record)
    assert timing.run_probe(["anything"]) == {"seconds": 1.0}
    assert "PYTHONDONTWRITEBYTECODE" not in seen[0]
    assert "PATH" in seen[0]


def test_names_are_unique_and_known() -> None:
    names = [workload.name for workload in WORKLOADS]
    assert len(set(names)) == len(names)
    for workload in WORKLOADS:
        assert next(iter(workload.contestants)) == BASELINE
        assert set(workload.contestants) <= set(PEERS)
        assert set(workload.quick_sizes) <= set(workload.sizes)


def test_limits_and_missing_peers_leave_contestants_out(monkeypatch: pytest.MonkeyPatch) -> None:
    hessian = next(workload for workload in WORKLOADS if workload.name == "hessian")
    monkeypatch.setattr("benchmarks.workload.is_installed", lambda name: name != "torch")
    assert "autograd" in entrants(hessian, 100)
    assert "autograd" not in entrants(hessian, 1000)
    assert "torch" not in entrants(hessian, 10)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([1.0, 2.0 + 1e-6], "differs"),
        ([1.0, np.nan], "differs"),
        ([[1.0, 2.0]], r"shape \(1, 2\)"),
    ],
)
def test_a_wrong_result_is_an_error(result: list[float], message: str) -> None:
    with pytest.raises(WrongResultError, match=message):
        check_result("autograd", np.array(result), np.array([1.0, 2.0]))


def test_a_missing_array_is_an_error() -> None:
    with pytest.raises(WrongResultError, match="1 arrays where functrans returned 2"):
        check_result("autograd", (np.ones(2),), (np.ones(2), np.ones(2)))


def test_unknown_workload_is_named_with_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"no workload chian; there are .*chain"):
        run.chosen(["chian"])


def test_rounds_interleave_and_rotate() -> None:
    assert list(timing.rotating("abc", 3)) == [list("abc"), list("bca"), list("cab")]
    order: list[str] = []
    calls = {name: (order.append, (name,)) for name in "ab"}
    samples = timing.time_calls(calls, repetitions=2, slice_seconds=1e-7, tick=lambda: None)
    assert [len(samples[name].seconds) for name in "ab"] == [2, 2]
    slices = [name * samples[name].calls_per_slice for name in "abba"]
    assert "".join(order).endswith("".join(slices))


def test_ratio_pairs_the_rounds() -> None:
    ours = timing.Samples(seconds=[1.0, 10.0, 100.0])
    theirs = timing.Samples(seconds=[2.0, 20.0, 200.0])
    assert theirs.ratio_to(ours) == 2.0


def test_run_writes_table_json_and_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    pytest.importorskip("matplotlib")
    run.run(["untraced"], repetitions=1, quick=True, output=tmp_path)
    printed = capsys.readouterr().out
    assert "Untraced call" in printed
    assert "Targets reached" in printed
    document = json.loads((tmp_path / "results.json").read_text())
    assert {result["size"] for result in document["results"]} == {*IN_PROCESS[0].sizes}
    assert document["versions"]["numpy"] == np.__version__
    assert (tmp_path / "ratios.png").stat().st_size > 0


@pytest.mark.skipif(not memory.CLEAR.exists(), reason="only Linux tells")
def test_the_peak_of_memory_begins_anew() -> None:
    large = np.ones(8_000_000)
    held = memory.start_of_peak()
    assert held is not None
    del large
    before = memory.start_of_peak()
    assert before is not None
    assert held - before > 60e6
    small = np.ones(4_000_000)
    peak = memory.peak_bytes()
    assert peak is not None
    assert 0.9 * small.nbytes < peak - before < 1.2 * small.nbytes


def test_who_is_measured_in_processes() -> None:
    named = {workload.name: workload for workload in WORKLOADS}

    def of(name: str) -> list[str]:
        workload = named[name]
        return fresh.contestants(workload, workload.sizes[0])

    assert of("first_result") == of("stencil") == of("import_time") == of("untraced") == []
    assert of("mlp")[:2] == ["functrans_jit", "functrans"]
    assert fresh.compiled(of("mlp")) == "functrans_jit"
    assert fresh.compiled(of("gelu")) == fresh.compiled(of("calls")) == "functrans"
    assert "functrans" not in of("staged_chain")
    native = "functrans_native" if is_installed("functrans_native") else "functrans_jit"
    assert fresh.compiled(of("staged_chain")) == native


@pytest.mark.parametrize("contestant", ["functrans_jit", "functrans", "torch", "jax_jit"])
def test_first_results_and_memory(contestant: str) -> None:
    if not is_installed(contestant):
        pytest.skip(f"{contestant} is not installed")
    measured = timing.run_probe(("benchmarks.probes.fresh", "mlp", "1", contestant))
    assert 0 < measured["seconds"] < 60
    if memory.CLEAR.exists():
        first, later, in_all = (measured[key] for key in fresh.MEMORY)
        assert 0 <= first < in_all
        assert 0 <= later < in_all
        assert 20 < in_all < 5000


def test_the_memory_of_results_is_seen() -> None:
    """Three arrays of 8 MB are made in a step of Adam, whichever call it is."""
    if not memory.CLEAR.exists():
        pytest.skip("only Linux tells")
    measured = timing.run_probe(("benchmarks.probes.fresh", "adam", "1000000", BASELINE))
    assert measured["megabytes_to_compile_and_run"] > 24
    assert measured["megabytes_to_run"] > 24


def test_a_row_of_the_table() -> None:
    workload = next(workload for workload in IN_PROCESS if workload.name == "mlp")
    samples = {
        name: timing.Samples(seconds=[seconds])
        for name, seconds in {"functrans": 4.0, "functrans_jit": 1.0, "jax_jit": 2.5}.items()
    }
    ours = {"seconds": 0.02, "megabytes_to_compile_and_run": 5.04, "megabytes_to_run": 2.0}
    outcome = report.Outcome(workload, 32, samples, {})
    outcome.fresh.update(functrans_jit=ours, jax_jit={"seconds": 0.4})
    assert table.row(outcome) == (
        "| `mlp`, batch = 32 | 2.5, –, – | 20 ms | 0.05 | 5.0, –, –, – | 2.0, –, –, – |\n"
    )
    assert "20 ms" in report.process_line("functrans_jit", ours)


def test_a_long_name_is_apart_from_who_wins(capsys: pytest.CaptureFixture[str]) -> None:
    workload = next(workload for workload in WORKLOADS if workload.name == "fresh_process")
    seconds = {BASELINE: 1.0, "jax_jit": 2.0}
    samples = {name: timing.Samples(seconds=[s]) for name, s in seconds.items()}
    report.print_summary([report.Outcome(workload, "chain, imports apart", samples, {})])
    assert "chain, imports apart functrans, 2.00x before" in capsys.readouterr().out


def test_durations_are_readable() -> None:
    assert [report.duration(s) for s in (2.5, 0.0125, 0.9999e-3, 4e-8)] == [
        "2.5 s",
        "12.5 ms",
        "1 ms",
        "40 ns",
    ]


def test_baseline_is_installed() -> None:
    assert is_installed(BASELINE)
