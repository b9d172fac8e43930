"""Object code on the disk: found by another process, and never loaded where it is not ours."""

import os
import platform
import sys
import threading
import time
from pathlib import Path

import pytest

from functrans.compile.llvm.code import cache
from tests.llvm.processes import run

KEY = "0123"


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the cache."""
    folder = tmp_path / "objects"
    monkeypatch.setenv("FUNCTRANS_CACHE", "1")
    monkeypatch.setenv("FUNCTRANS_CACHE_DIR", str(folder))
    monkeypatch.setattr(cache, "_written", 0)
    return folder


def test_what_was_kept_is_found(where: Path) -> None:
    """The same bytes, under the same name only, in a folder of the user's own."""
    assert cache.find(KEY) is None
    cache.keep(KEY, b"code")
    assert cache.find(KEY) == b"code"
    assert cache.find("4567") is None
    assert [path.name for path in where.iterdir()] == [f"{KEY}.object"]
    if sys.platform != "win32":
        assert where.stat().st_mode & 0o777 == 0o700


def test_cache_can_be_off(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written or read."""
    cache.keep(KEY, b"code")
    monkeypatch.setenv("FUNCTRANS_CACHE", "0")
    assert cache.find(KEY) is None
    cache.keep("4567", b"code")
    assert len(list(where.iterdir())) == 1
    cache.clear_cache()
    assert len(list(where.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "of another name", "not ours"])
def test_damaged_files_are_not_loaded(where: Path, damage: str) -> None:
    """They are removed, and written anew."""
    cache.keep(KEY, b"the code of a function")
    path = where / f"{KEY}.object"
    content = path.read_bytes()
    if damage == "of another name":
        cache.keep("4567", b"other code")
        os.replace(where / "4567.object", path)
    else:
        changed = bytearray(content)
        changed[-3] ^= 1
        path.write_bytes(
            {"cut": content[:-1], "flipped": bytes(changed), "empty": b"", "not ours": b"x" * 200}[
                damage
            ]
        )
    assert cache.find(KEY) is None
    assert not path.exists()
    cache.keep(KEY, b"the code of a function")
    assert cache.find(KEY) == b"the code of a function"


@pytest.mark.skipif(sys.platform == "win32", reason="folders of users are theirs on Windows")
def test_folder_that_others_may_write_to_is_not_used(where: Path) -> None:
    """Their code would run as ours."""
    cache.keep(KEY, b"code")
    where.chmod(0o777)
    assert cache.find(KEY) is None
    cache.keep("4567", b"code")
    assert len(list(where.iterdir())) == 1


def test_folder_that_cannot_be_made_is_harmless(where: Path) -> None:
    """A file stands in its place: as with a disk that cannot be written to."""
    where.write_bytes(b"")
    cache.keep(KEY, b"code")
    assert cache.find(KEY) is None
    cache.clear_cache()


def test_full_disk_is_harmless(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written whole is not there."""
    cache.keep(KEY, b"code")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache.keep("4567", b"code")
    assert [path.name for path in where.iterdir()] == [f"{KEY}.object"]


def test_least_recently_used_goes_first(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to three quarters of the limit; what another process has left unfinished goes too."""
    monkeypatch.setattr(cache, "LIMIT", 1000)
    for i in range(10):
        cache.keep(f"{i}", b"x" * 100)
        stamp = time.time() - 100 + i
        os.utime(where / f"{i}.object", (stamp, stamp))
    (where / "old.part").write_bytes(b"x")
    os.utime(where / "old.part", (0, 0))
    (where / "notes.txt").write_bytes(b"x" * 5000)
    assert cache.find("0") is not None  # which is a use
    monkeypatch.setattr(cache, "_written", 0)
    cache.keep("new", b"x" * 100)
    left = {path.stem for path in where.glob("*.object")}
    assert {"new", "0", "9"} <= left
    assert not {"1", "2", "3"} & left
    assert sum(path.stat().st_size for path in where.glob("*.object")) <= 750
    assert not (where / "old.part").exists()
    cache.clear_cache()
    assert [path.name for path in where.iterdir()] == ["notes.txt"]


def test_folder_is_that_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One for each system, unless one is named."""
    monkeypatch.setenv("FUNCTRANS_CACHE", "1")
    monkeypatch.delenv("FUNCTRANS_CACHE_DIR", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder() == str(tmp_path / "xdg" / "functrans" / "native")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.folder() == str(tmp_path / ".cache" / "functrans" / "native")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.folder() == str(tmp_path / "Library" / "Caches" / "functrans" / "native")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache.folder() == str(tmp_path / "local" / "functrans" / "native")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # nobody's home is known
    assert cache.folder() is None
    assert cache.find(KEY) is None


def test_writers_and_readers_at_once(where: Path) -> None:
    """A reader finds all of it or nothing."""
    contents = [bytes([i]) * 50_000 for i in range(4)]
    wrong: list[bytes] = []

    def work(content: bytes) -> None:
        for _ in range(50):
            cache.keep(KEY, content)
            found = cache.find(KEY)
            if found not in contents:
                wrong.append(found or b"")

    threads = [threading.Thread(target=work, args=[content]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(list(where.iterdir())) == 1


def test_keys_tell_all_parts_apart() -> None:
    """Where one part ends matters too."""
    keys = [
        cache.key_of("text", "ab", "c"),
        cache.key_of("text", "a", "bc"),
        cache.key_of("texts", "ab", "c"),
        cache.key_of("c", "text", "ab"),
    ]
    assert len(set(keys)) == 4
    assert cache.key_of("text", "ab", "c") == keys[0]


PROGRAM = """
import ctypes, sys, time
from functrans.compile.llvm.code import engine
lines = [f"  %x{i + 1} = fadd double %x{i}, {i}.0" for i in range(500)]
head = "define double @f(double %x0) nounwind {"
text = "\\n".join([head, *lines, "  ret double %x500", "}"]) + "\\n"
compiled = []
make = engine.Machine.compiled
engine.Machine.compiled = lambda self, text, names: compiled.append(text) or make(self, text, names)
start = time.process_time()
address = engine.load(text, ["f"])["f"]
again = engine.load(text, ["f"])["f"]
assert address == again
took = time.process_time() - start
assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(address)(1.0) == 1.0 + sum(range(500))
print(len(compiled), "llvmlite" in sys.modules, took)
"""


def test_second_process_starts_from_the_cache(where: Path) -> None:
    """It compiles nothing, without LLVM on Linux; one whose file is damaged compiles again."""
    pytest.importorskip("llvmlite")

    def once() -> tuple[int, bool, float]:
        status, out, warned = run(PROGRAM)
        assert not status, warned
        compiled, loaded, took = out.split()
        return int(compiled), loaded == "True", float(took)

    first, _, cold = once()
    second, with_llvm, warm = once()
    assert (first, second) == (1, 0)
    assert warm < cold
    if sys.platform == "linux" and platform.machine() == "x86_64":
        assert not with_llvm
    path = max(where.iterdir(), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes()[:-100])
    assert once()[0] == 1


def test_name_that_is_nowhere_is_an_error() -> None:
    """LLVM would end the process."""
    pytest.importorskip("llvmlite")
    from functrans.compile.llvm.code.engine import load

    text = (
        "declare double @functrans_nowhere(double)\n"
        "define double @f(double %x) {\n"
        "  %y = call double @functrans_nowhere(double %x)\n  ret double %y\n}\n"
    )
    with pytest.raises(RuntimeError, match="functrans_nowhere"):
        load(text, ["f"])
