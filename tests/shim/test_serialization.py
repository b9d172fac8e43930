"""torch.save and torch.load: what comes back, PyTorch's files, and files that mean harm."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import random
import struct
import warnings
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functrans.torch as ours
from functrans.torch.serialization import legacy

DTYPES = ["float16", "float32", "float64", "complex64", "complex128"]
DTYPES += ["uint8", "int8", "int16", "int32", "int64", "bool"]


def round_trip(x: Any) -> Any:
    file = io.BytesIO()
    ours.save(x, file)
    return ours.load(file)


def the_same(x: Any, y: Any) -> bool:
    """Whether two objects, of whichever library, have equal parts of equal types."""
    if hasattr(x, "requires_grad"):
        return (
            str(x.dtype) == str(y.dtype)
            and type(x).__name__ == type(y).__name__
            and x.requires_grad == y.requires_grad
            and tuple(x.shape) == tuple(y.shape)
            and x.detach().tolist() == y.detach().tolist()
        )
    if type(x).__name__ != type(y).__name__:
        return False
    if isinstance(x, dict):
        return x.keys() == y.keys() and all(the_same(x[k], y[k]) for k in x)
    if isinstance(x, list | tuple):
        return len(x) == len(y) and all(map(the_same, x, y))
    return bool(x == y) or str(x) == str(y)


def everything(lib: Any) -> Any:
    x = lib.arange(12.0).reshape(3, 4)
    w = lib.nn.Parameter(lib.ones(2, 3))
    return OrderedDict(
        weight=w,
        frozen=lib.nn.Parameter(lib.zeros(2), requires_grad=False),
        again=w,
        columns=x.t(),
        part=x[1:, ::2],
        whole=x,
        expanded=lib.ones(2, 1).expand(2, 3),
        scalar=lib.tensor(3),
        empty=lib.zeros(0, 3),
        leaf=lib.ones(2, requires_grad=True),
        dtypes=[lib.ones(2).to(getattr(lib, name)) for name in DTYPES],
        names=DTYPES,
        numbers=[0, -1, 255, 256, 2**31, -(2**40), 2**100, 1.5, float("inf"), True, None, 1 + 2j],
        texts=("", "a", "ä\n", b"", b"\x00\xff", bytearray(b"ab")),
        containers=(1, (2,), (), [], {}, {3, 4}, OrderedDict(a=1), Counter("aab"), 5, 6),
        size=lib.Size([2, 3]),
        devices=[lib.device("cpu"), lib.device("cuda:1")],
        dtype=lib.float64,
        keys={1: "a", (2, "b"): 3, None: 4},
    )


def test_round_trip(tmp_path: Path) -> None:
    x = everything(ours)
    assert the_same(round_trip(x), x)
    path = tmp_path / "model.pth"
    ours.save(x, path)
    assert the_same(ours.load(str(path), map_location="cpu", weights_only=True), x)
    with open(path, "rb") as file:
        assert the_same(ours.load(file), x)


def test_sharing() -> None:
    """What is one object, or one memory, is one again."""
    found = round_trip(everything(ours))
    assert found["weight"] is found["again"]
    found["whole"][1, 0] = 50.0
    assert found["columns"][0, 1] == 50.0 == found["part"][0, 0]
    cycle: list[Any] = [(1, 2, 3, 4)]
    cycle.append(cycle)
    again = round_trip(cycle)
    assert again[1] is again and again[0] == (1, 2, 3, 4)
    pair = round_trip([cycle[0], cycle[0]])
    assert pair[0] is pair[1]


def test_memory_that_pytorch_has_not() -> None:
    backwards = ours.from_numpy(np.arange(3.0)[::-1])
    real = ours.from_numpy(np.array([1 + 2j, 3.0]).real)
    fortran = ours.from_numpy(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    for x in (backwards, real, fortran, ours.from_numpy(np.arange(8)[2:7:2])):
        assert the_same(round_trip(x), x)


def test_attributes_of_tensors() -> None:
    x, w = ours.ones(2), ours.nn.Parameter(ours.ones(2))
    x.note, w.tags = "mean", ["a"]
    found = round_trip([x, w])
    assert found[0].note == "mean" and found[1].tags == ["a"]
    assert type(found[1]) is ours.nn.Parameter


def test_state_of_training() -> None:
    model = ours.nn.Sequential(ours.nn.Linear(3, 4), ours.nn.ReLU(), ours.nn.Linear(4, 1))
    optimizer = ours.optim.Adam(model.parameters(), lr=0.1)
    scheduler = ours.optim.lr_scheduler.MultiStepLR(optimizer, [1, 2])
    model(ours.ones(2, 3)).sum().backward()
    optimizer.step()
    scheduler.step()
    saved = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }
    found = round_trip(saved)
    assert the_same(found, saved)
    assert found["model"]._metadata[""] == {"version": 1}
    model.load_state_dict(found["model"])
    optimizer.load_state_dict(found["optimizer"])
    scheduler.load_state_dict(found["scheduler"])


def test_what_is_not_saved() -> None:
    for x, path, remedy in (
        ({"a": [1, object()]}, r"obj\['a'\]\[1\] is of type builtins.object", "a dict"),
        (ours.nn.Linear(1, 1), "obj is of type functrans.torch.nn.linear.Linear", "state_dict"),
        ([np.ones(2)], r"obj\[0\]", "from_numpy"),
        ({"f": len}, r"obj\['f'\]", "builtin_function"),
    ):
        with pytest.raises(TypeError, match=path) as caught:
            ours.save(x, io.BytesIO())
        assert remedy in str(caught.value)


def test_numbers_of_numpy() -> None:
    given = [np.float64(0.1), np.int64(2**40), np.bool_(True), np.complex128(1j), np.uint8(7)]
    expected = [0.1, 2**40, True, 1j, 7]
    assert the_same(round_trip(given), expected)
    for protocol in (2, 4):
        pickled = pickle.dumps([*given, np.float32(0.5), np.float64(0.1).astype(">f8")], protocol)
        assert the_same(ours.load(archive(pickled)), [*expected, 0.5, 0.1])
    for code in (b"O8", b"V8", b"f9", b"U4"):
        changed = pickle.dumps(np.float64(0.1), 2).replace(b"f8", code)
        with pytest.raises(pickle.UnpicklingError, match="a number is of type"):
            ours.load(archive(changed))
    cut = pickle.dumps(np.bool_(True), 2).replace(b"b1", b"f8")
    with pytest.raises(pickle.UnpicklingError, match="a number of type f8"):
        ours.load(archive(cut))


def test_nothing_is_written_if_it_cannot_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    ours.save([1], path)
    with pytest.raises(TypeError):
        ours.save([object()], path)
    assert ours.load(path) == [1]


def test_an_array_of_tensors_in_a_transform_has_no_memory() -> None:
    import functrans as ft

    with pytest.raises(TypeError, match="no memory of its own"):
        ft.grad(lambda x: ours.save(x, io.BytesIO()))(ours.ones(()))


# Beside PyTorch


@pytest.mark.oracle("torch")
def test_pytorch_reads_ours(tmp_path: Path) -> None:
    import torch as theirs

    x = everything(ours)
    path = tmp_path / "ours.pth"
    ours.save(x, path)
    found = theirs.load(path, weights_only=True)
    assert the_same(found, everything(theirs))
    found["whole"][1, 0] = 50.0
    assert found["columns"][0, 1] == 50.0 == found["part"][0, 0]
    mapped = theirs.load(path, weights_only=True, mmap=True)
    assert the_same(mapped, everything(theirs))


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_ours_reads_pytorchs(options: Any, protocol: int, tmp_path: Path) -> None:
    import torch as theirs

    x = everything(theirs)
    path = tmp_path / "theirs.pth"
    theirs.save(x, path, pickle_protocol=protocol, **options)
    found = ours.load(path)
    assert the_same(found, everything(ours))
    assert found["weight"] is found["again"]
    found["whole"][1, 0] = 50.0
    assert found["columns"][0, 1] == 50.0 == found["part"][0, 0]


@pytest.mark.oracle("torch")
def test_other_tensors_of_pytorch() -> None:
    import torch as theirs

    def moved(x: Any) -> Any:
        file = io.BytesIO()
        theirs.save(x, file)
        return ours.load(file)

    z = theirs.tensor([1 + 2j, 3.0])
    assert moved(z.conj()).tolist() == [1 - 2j, 3.0]
    assert moved(z.imag).tolist() == [2.0, 0.0] and moved(z.conj().imag).tolist() == [-2.0, 0.0]
    with pytest.warns(UserWarning, match="bfloat16"):
        brain = moved(theirs.tensor([1.5, -3e38, float("inf")], dtype=theirs.bfloat16))
    expected = theirs.tensor([1.5, -3e38, float("inf")], dtype=theirs.bfloat16).float()
    assert brain.dtype is ours.float32 and brain.tolist() == expected.tolist()
    w = theirs.nn.Parameter(theirs.ones(2))
    w.tag = "x"
    assert moved(w).tag == "x"
    for refused in (
        theirs.ones(2).to_sparse(),
        theirs.nn.Linear(1, 1),
        theirs.ones(2, dtype=theirs.float8_e5m2),
        theirs.ones(2, dtype=theirs.uint16),
    ):
        with pytest.raises(pickle.UnpicklingError, match=r"the file names torch\..*was run"):
            moved(refused)


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_state_dicts_go_over(options: Any) -> None:
    """A model and its optimiser are trained on by the other library."""
    import torch as theirs

    def model(lib: Any) -> Any:
        return lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Tanh(), lib.nn.Linear(4, 1)).double()

    def step(lib: Any, net: Any, optimizer: Any) -> Any:
        optimizer.zero_grad()
        value = net(lib.arange(6.0).reshape(2, 3).double()).square().sum()
        value.backward()
        optimizer.step()
        return value.item()

    first = model(theirs)
    begun = theirs.optim.Adam(first.parameters(), lr=0.01)
    for _ in range(3):
        step(theirs, first, begun)
    file = io.BytesIO()
    theirs.save([first.state_dict(), begun.state_dict()], file, **options)
    weights, state = ours.load(file)
    assert weights._metadata == first.state_dict()._metadata
    second = model(ours)
    second.load_state_dict(weights)
    going = ours.optim.Adam(second.parameters())
    going.load_state_dict(state)
    for _ in range(3):
        assert step(ours, second, going) == pytest.approx(step(theirs, first, begun), rel=1e-10)


# Files that mean harm


class Harm:
    """What runs a function when it is unpickled."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.parts = function, args

    def __reduce__(self) -> Any:
        return self.parts


def archive(pickled: bytes, records: dict[str, bytes] | None = None, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as out:
        out.writestr("archive/data.pkl", pickled)
        for name, data in {"version": b"3\n", **(records or {})}.items():
            out.writestr(f"archive/{name}", data)
    file.seek(0)
    return file


def old(pickled: bytes) -> io.BytesIO:
    parts: list[Any] = [legacy.MAGIC, legacy.PROTOCOL, {"little_endian": True}]
    head = b"".join(pickle.dumps(x, 2) for x in parts)
    return io.BytesIO(head + pickled + pickle.dumps([], 2))


def name_and_call(module: str, name: str, *args: str) -> bytes:
    """A pickle that calls a function by its name with strings."""
    texts = b"".join(pickle.BINUNICODE + struct.pack("<I", len(a)) + a.encode() for a in args)
    named = f"c{module}\n{name}\n".encode()
    return b"\x80\x02" + named + b"(" + texts + b"tR."


def by_stack(module: str, name: str) -> bytes:
    """A name that stands on the stack, as in younger pickles."""
    texts = [x.encode() for x in (module, name)]
    return b"\x80\x04" + b"".join(b"\x8c" + bytes([len(x)]) + x for x in texts) + b"\x93."


TOUCH = "touch harm"
HARMFUL: dict[str, bytes] = {
    "os.system": pickle.dumps({"w": Harm(os.system, TOUCH)}, 2),
    "eval": pickle.dumps([Harm(eval, "open('harm', 'w')")], 4),
    "exec": pickle.dumps(Harm(exec, "open('harm', 'w')")),
    "posix": name_and_call("posix", "system", TOUCH),
    "nt": name_and_call("nt", "system", TOUCH),
    "os by name": name_and_call("os", "system", TOUCH),
    "python 2": name_and_call("__builtin__", "eval", "open('harm', 'w')"),
    "subprocess": name_and_call("subprocess", "getoutput", TOUCH),
    "dotted": by_stack("collections", "OrderedDict.__init__.__globals__"),
    "our reader": by_stack("functrans.torch", "load"),
    "through torch": by_stack("torch._utils", "_rebuild_tensor_v2.__globals__"),
    "module": by_stack("torch.serialization", "os.system"),
    "spaces": name_and_call("os system", "x", TOUCH),
    "getattr": by_stack("builtins", "getattr"),
    "type": by_stack("builtins", "type"),
    "import": by_stack("builtins", "__import__"),
    "numpy": name_and_call("numpy", "load", "harm"),
    "instance": b"\x80\x02(" + b"ios\nsystem\n.",
    "object": b"\x80\x02(cos\nsystem\no.",
    "extension": b"\x80\x02\x82\x01.",
}


@pytest.mark.parametrize("wrapped", [archive, old])
@pytest.mark.parametrize("name", HARMFUL)
def test_nothing_is_run(name: str, wrapped: Any, tmp_path: Path) -> None:
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        for weights_only in (True, False, None):
            with pytest.raises(pickle.UnpicklingError, match="Nothing of it was run"):
                ours.load(wrapped(HARMFUL[name]), weights_only=weights_only)
        assert os.listdir(tmp_path) == []
    finally:
        os.chdir(before)


def test_what_is_refused_is_named() -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"the file names (posix|nt)\.system"):
        ours.load(archive(pickle.dumps(Harm(os.system, TOUCH), 2)))
    with pytest.raises(NotImplementedError, match="add_safe_globals is not supported"):
        ours.serialization.add_safe_globals  # noqa: B018
    with pytest.raises(RuntimeError, match="CPU only"):
        ours.load(archive(pickle.dumps(1)), map_location="cuda")


GLOBAL = b"ctorch._utils\n_rebuild_tensor_v2\n"
ATTRIBUTES: dict[str, bytes] = {
    # `b` gives the last object attributes: of a function, of a class, of methods of an instance.
    "function": GLOBAL + b"}X\x0c\x00\x00\x00__defaults__)sb.",
    "slots": GLOBAL + b"N}X\x0c\x00\x00\x00__defaults__)s\x86b.",
    "class": b"ccollections\nCounter\n}X\x06\x00\x00\x00updateNsb.",
    "instance": b"ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsNsb.",
    "its class": b"ccollections\nOrderedDict\n)R}X\x09\x00\x00\x00__class__Nsb.",
    "list": b"]}X\x01\x00\x00\x00aNsb.",
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes_are_given_to_tensors_and_dicts_only(name: str) -> None:
    with pytest.raises(pickle.UnpicklingError, match="attributes"):
        ours.load(archive(b"\x80\x02" + ATTRIBUTES[name]))


class Part:
    """What stands for a storage, or for a name, in a pickle that is made by hand."""

    def __init__(self, name: str, *args: Any) -> None:
        self.name, self.args = name, args


def by_hand(size: Any, stride: Any, offset: Any = 0, **given: Any) -> io.BytesIO:
    """An archive with one tensor whose parts need not be right."""
    parts = {"kind": "FloatStorage", "key": "0", "count": 6, "data": bytes(24), "grad": False}
    parts |= given

    class Pickler(pickle._Pickler):  # type: ignore[name-defined, misc]
        def persistent_id(self, x: Any) -> Any:
            if isinstance(x, Part) and x.name == "storage":
                return ("storage", Part(f"torch\n{parts['kind']}"), *x.args)
            return None

        def save(self, x: Any, save_persistent_id: bool = True) -> None:
            if isinstance(x, Part) and "\n" in x.name:
                self.write(f"c{x.name}\n".encode())
                return
            super().save(x, save_persistent_id)

    out = io.BytesIO()
    pickler = Pickler(out, 2)
    storage = Part("storage", parts["key"], "cpu", parts["count"])
    out.write(b"\x80\x02" + GLOBAL)
    pickler.save((storage, offset, size, stride, parts["grad"], None))
    out.write(b"R.")
    return archive(out.getvalue(), {"data/0": parts["data"]})


def test_a_file_by_hand_is_read() -> None:
    assert ours.load(by_hand((2, 3), (3, 1))).tolist() == [[0.0] * 3] * 2
    assert ours.load(by_hand((), (), 5)).shape == ()
    assert ours.load(by_hand((2**40, 0), (1, 1))).shape == (2**40, 0)


@pytest.mark.parametrize(
    "parts",
    [
        {"size": (2, 4), "stride": (4, 1)},
        {"size": (6,), "stride": (1,), "offset": 1},
        {"size": (1,), "stride": (1,), "offset": 6},
        {"size": (1,), "stride": (1,), "offset": 2**62},
        {"size": (0,), "stride": (1,), "offset": 7},
        {"size": (2,), "stride": (-1,), "offset": 3},
        {"size": (-1,), "stride": (1,)},
        {"size": (2**62,), "stride": (2**62,)},
        {"size": (2**40, 2**40), "stride": (0, 0)},
        {"size": (1,) * 65, "stride": (1,) * 65},
        {"size": (2,), "stride": (1, 1)},
        {"size": [2], "stride": (1,)},
        {"size": (2.0,), "stride": (1,)},
        {"size": (True,), "stride": (1,)},
        {"size": (2,), "stride": (1,), "count": 10**15},
        {"size": (2,), "stride": (1,), "count": -1},
        {"size": (2,), "stride": (1,), "count": 5},
        {"size": (2,), "stride": (1,), "key": "1"},
        {"size": (2,), "stride": (1,), "key": "../../etc/passwd"},
        {"size": (2,), "stride": (1,), "key": "/etc/passwd"},
        {"size": (2,), "stride": (1,), "key": 0},
        {"size": (2,), "stride": (1,), "kind": "LongStorage"},
        {"size": (2,), "stride": (1,), "kind": "BoolStorage", "count": 1, "data": b"\x02"},
        {"size": (2,), "stride": (1,), "kind": "LongStorage", "count": 3, "grad": True},
    ],
    ids=str,
)
def test_tensors_that_are_not_there(parts: dict[str, Any]) -> None:
    with pytest.raises(pickle.UnpicklingError, match="corrupt"):
        ours.load(by_hand(**parts))


def test_archives_that_mean_harm() -> None:
    pickled = pickle.dumps([1], 2)
    with pytest.raises(pickle.UnpicklingError, match="compressed"):
        ours.load(archive(pickled, compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(RuntimeError, match="TorchScript"):
        ours.load(archive(pickled, {"constants.pkl": b""}))
    with pytest.raises(pickle.UnpicklingError, match=r"no data\.pkl"):
        file = io.BytesIO()
        zipfile.ZipFile(file, "w").close()
        ours.load(io.BytesIO(b"PK\x03\x04" + file.getvalue()))
    with pytest.raises(pickle.UnpicklingError, match="something before it"):
        ours.load(io.BytesIO(b"#!/bin/sh\n" + archive(pickled).getvalue()))
    with pytest.raises(EOFError, match="empty"):
        ours.load(io.BytesIO(b""))
    with pytest.raises(pickle.UnpicklingError, match="does not begin"):
        ours.load(io.BytesIO(pickled))
    with pytest.raises(pickle.UnpicklingError, match="corrupt"):
        ours.load(io.BytesIO(b"not a checkpoint"))


def test_names_that_leave_the_archive(tmp_path: Path) -> None:
    """Records are looked up, never unpacked: nothing is read or written elsewhere."""
    file = by_hand((2,), (1,), key="../../../outside")
    data = {"../../outside": bytes(24), "data/../../../outside": bytes(24)}
    with zipfile.ZipFile(file, "a") as out:
        for name, content in data.items():
            out.writestr(f"archive/{name}", content)
    path = tmp_path / "a" / "b"
    path.mkdir(parents=True)
    (path / "model.pth").write_bytes(file.getvalue())
    ours.load(path / "model.pth")  # it has a record of that name
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "b", "model.pth"]


def test_deep_keys() -> None:
    """The hash of nested tuples would be a recursion in C without an end."""
    nested = b"\x80\x02}" + b")" + b"\x85" * 100000 + b"K\x01s."
    with pytest.raises(pickle.UnpicklingError, match="as a key"):
        ours.load(archive(nested))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["zip", "old"])
def test_damaged_files(kind: str) -> None:
    """Cut off or with changed bytes, they raise one kind of error or are read; nothing else."""
    if kind == "zip":
        file = io.BytesIO()
        ours.save({"w": ours.arange(6.0), "n": [1, "a", b"b"], "s": {1, 2}}, file)
        data = file.getvalue()
    else:
        data = old(pickle.dumps({"n": [1, "a"], "d": {1: (2, 3)}, "x": 1.5}, 2)).getvalue()
    source = random.Random(0)
    refused = (pickle.UnpicklingError, EOFError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for end in range(0, len(data), 1 if kind == "old" else 7):
            with pytest.raises(refused):
                ours.load(io.BytesIO(data[:end]))
        for _ in range(500):
            changed = bytearray(data)
            for _ in range(source.randint(1, 4)):
                changed[source.randrange(len(data))] = source.randrange(256)
            with contextlib.suppress(refused):
                ours.load(io.BytesIO(bytes(changed)))


# safetensors


def tensors(lib: Any) -> dict[str, Any]:
    x = lib.arange(6.0).reshape(2, 3)
    found = {name: lib.ones(2).to(getattr(lib, name)) for name in DTYPES if name != "complex128"}
    return {**found, "columns": x.t().contiguous(), "scalar": lib.tensor(2.5)}


@pytest.mark.oracle("safetensors")
def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    x = tensors(ours)
    ours.save(x, path)
    found = ours.load(path)
    assert found.keys() == x.keys() and all(the_same(found[name], x[name]) for name in x)
    found["scalar"].add_(1)
    api = ours.serialization.safetensors
    data = api.save({"t": ours.arange(4.0).reshape(2, 2).t()}, metadata={"a": "b"})
    assert api.load(data)["t"].tolist() == [[0.0, 2.0], [1.0, 3.0]]
    with pytest.raises(TypeError, match=r"tensors\['a'\] is a int"):
        ours.save({"a": 1}, path)
    with pytest.raises(NotImplementedError, match="no dtype for torch.complex128"):
        ours.save({"a": ours.ones(1).to(ours.complex128)}, path)


@pytest.mark.oracle("safetensors", "torch")
def test_safetensors_as_pytorch(tmp_path: Path) -> None:
    import torch as theirs
    from safetensors.torch import load_file, save_file

    path = tmp_path / "model.safetensors"
    save_file(tensors(theirs), path)
    found, expected = ours.load(path), tensors(ours)
    assert all(the_same(found[name], expected[name]) for name in expected)
    ours.save(expected, path)
    again = load_file(path)
    assert all(the_same(again[name], tensors(theirs)[name]) for name in expected)
    save_file({"b": theirs.tensor([1.5], dtype=theirs.bfloat16)}, path)
    with pytest.warns(UserWarning, match="bfloat16"):
        assert ours.load(path)["b"].tolist() == [1.5]
    save_file({"b": theirs.ones(1, dtype=theirs.float8_e5m2)}, path)
    with pytest.raises(NotImplementedError, match="F8_E5M2"):
        ours.load(path)
