"""functrans.torchvision: the networks beside the same ones in PyTorch, and getting weights."""

from __future__ import annotations

import hashlib
import http.server
import pickle
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functrans.torch as ours
from functrans.torch import hub
from functrans.torchvision import models, transforms
from functrans.torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

LAYERS = {18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3]}
LAYERS |= {101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}


def expected_shapes(depth: int, classes: int = 1000) -> dict[str, tuple[int, ...]]:
    """The state of torchvision's network of that depth, from its definition."""
    found: dict[str, tuple[int, ...]] = {}

    def normalised(name: str, outputs: int) -> None:
        for key in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.{key}"] = (outputs,)
        found[f"{name}.num_batches_tracked"] = ()

    deep = depth >= 50
    found["conv1.weight"] = (64, 3, 7, 7)
    normalised("bn1", 64)
    inputs = 64
    for i, (blocks, planes) in enumerate(zip(LAYERS[depth], (64, 128, 256, 512), strict=True)):
        outputs = 4 * planes if deep else planes
        for j in range(blocks):
            name = f"layer{i + 1}.{j}"
            widths = (1, 3, 1) if deep else (3, 3)
            channels = (inputs, planes, planes, outputs) if deep else (inputs, planes, outputs)
            for k, width in enumerate(widths):
                shape = (channels[k + 1], channels[k], width, width)
                found[f"{name}.conv{k + 1}.weight"] = shape
                normalised(f"{name}.bn{k + 1}", channels[k + 1])
            if j == 0 and (i > 0 or inputs != outputs):
                found[f"{name}.downsample.0.weight"] = (outputs, inputs, 1, 1)
                normalised(f"{name}.downsample.1", outputs)
            inputs = outputs
    found["fc.weight"] = (classes, inputs)
    found["fc.bias"] = (classes,)
    return found


@pytest.mark.parametrize("depth", [18, 50])
def test_names_and_shapes(depth: int) -> None:
    model = models.get_model(f"resnet{depth}", num_classes=7)
    shapes = {name: tuple(x.shape) for name, x in model.state_dict().items()}
    assert list(shapes.items()) == list(expected_shapes(depth, 7).items())


@pytest.mark.slow
@pytest.mark.parametrize("depth", LAYERS)
def test_counts_of_parameters(depth: int) -> None:
    model = models.get_model(f"resnet{depth}")
    shapes = {name: tuple(x.shape) for name, x in model.state_dict().items()}
    assert list(shapes.items()) == list(expected_shapes(depth).items())
    for weights in models.get_model_weights(f"resnet{depth}"):
        assert sum(p.numel() for p in model.parameters()) == weights.meta["num_params"]


def test_options() -> None:
    model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5, zero_init_residual=True)
    assert not model.layer1[0].bn2.weight.any() and model.layer1[0].bn1.weight.all()
    wide = ResNet(
        Bottleneck,
        [1, 1, 1, 1],
        num_classes=2,
        groups=2,
        width_per_group=32,
        replace_stride_with_dilation=(False, True, True),
        norm_layer=partial(ours.nn.GroupNorm, 4),
    )
    assert wide.layer1[0].conv2.weight.shape == (64, 32, 3, 3)
    assert wide.layer4[0].conv2.dilation == (2, 2) and wide.layer4[0].conv2.stride == (1, 1)
    assert wide(ours.rand(1, 3, 32, 32)).shape == (1, 2)
    with pytest.raises(ValueError, match="only supports groups=1"):
        ResNet(BasicBlock, [1, 1, 1, 1], groups=2)
    with pytest.raises(NotImplementedError, match="Dilation > 1"):
        ResNet(BasicBlock, [1, 1, 1, 2], replace_stride_with_dilation=(True, True, True))
    with pytest.raises(ValueError, match="3-element tuple"):
        ResNet(BasicBlock, [1, 1, 1, 1], replace_stride_with_dilation=(True,))


def test_fine_tuning() -> None:
    """The end of the introduction to autograd: all but a new last layer is frozen."""
    model = ResNet(BasicBlock, [1, 1, 1, 1])
    for param in model.parameters():
        param.requires_grad = False
    model.fc = ours.nn.Linear(512, 10)
    optimizer = ours.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    before = model.conv1.weight.clone()
    model(ours.rand(2, 3, 32, 32)).sum().backward()
    optimizer.step()
    assert [name for name, p in model.named_parameters() if p.grad is not None] == [
        "fc.weight",
        "fc.bias",
    ]
    assert (model.conv1.weight == before).all()


def network(depth: int, classes: int) -> Any:
    """The same network over PyTorch, built here from its description."""
    import torch
    from torch import nn

    torch.manual_seed(0)

    def convolution(inputs: int, outputs: int, width: int, stride: int = 1) -> Any:
        return nn.Conv2d(inputs, outputs, width, stride, width // 2, bias=False)

    class Block(nn.Module):
        def __init__(self, inputs: int, planes: int, stride: int) -> None:
            super().__init__()
            outputs = 4 * planes if depth >= 50 else planes
            if depth >= 50:
                parts = [(inputs, planes, 1, 1), (planes, planes, 3, stride)]
                parts.append((planes, outputs, 1, 1))
            else:
                parts = [(inputs, planes, 3, stride), (planes, outputs, 3, 1)]
            self.count = len(parts)
            for k, part in enumerate(parts):
                setattr(self, f"conv{k + 1}", convolution(*part))
                setattr(self, f"bn{k + 1}", nn.BatchNorm2d(part[1]))
            self.downsample = None
            if stride > 1 or inputs != outputs:
                self.downsample = nn.Sequential(
                    convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
                )

        def forward(self, x: Any) -> Any:
            y = x
            for k in range(1, self.count + 1):
                y = getattr(self, f"bn{k}")(getattr(self, f"conv{k}")(y))
                y = y.relu() if k < self.count else y
            return (y + (x if self.downsample is None else self.downsample(x))).relu()

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            inputs = 64
            for i, planes in enumerate((64, 128, 256, 512)):
                blocks = []
                for j in range(LAYERS[depth][i]):
                    blocks.append(Block(inputs, planes, 2 if i and not j else 1))
                    inputs = 4 * planes if depth >= 50 else planes
                setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
            self.fc = nn.Linear(inputs, classes)

        def forward(self, x: Any) -> Any:
            x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
            for i in range(1, 5):
                x = getattr(self, f"layer{i}")(x)
            return self.fc(x.mean((2, 3)))

    return Network()


def train(lib: Any, model: Any, images: Any, steps: int) -> list[float]:
    optimizer = lib.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    target = lib.tensor([1, 0])
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = lib.nn.functional.cross_entropy(model(images), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def pair(depth: int) -> tuple[Any, Any]:
    """A network here, and the same in PyTorch with the same values."""
    other = network(depth, 5).double()
    model = models.get_model(f"resnet{depth}", num_classes=5).double()
    model.load_state_dict(
        {k: ours.from_numpy(v.numpy().copy()) for k, v in other.state_dict().items()}
    )
    return model, other


@pytest.mark.oracle("torch")
def test_ten_steps() -> None:
    """In double precision they agree to 1e-9, parameters and running averages too.

    Smaller images would leave two numbers for the last normalisations: then the derivative is a
    difference of nearly equal numbers, and PyTorch disagrees with itself after a change of 1e-15.
    """
    import torch as theirs

    model, other = pair(18)
    x = np.random.default_rng(0).normal(size=(2, 3, 48, 48))
    mine = train(ours, model, ours.from_numpy(x), 10)
    assert mine == pytest.approx(train(theirs, other, theirs.from_numpy(x), 10), rel=1e-9)
    for (name, p), q in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        scale = float(abs(q).max()) or 1.0
        np.testing.assert_allclose(p.numpy() / scale, q.numpy() / scale, 0, 1e-9, err_msg=name)


@pytest.mark.oracle("torch")
@pytest.mark.slow
@pytest.mark.parametrize("depth", [34, 50])
@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_gradients(depth: int, training: bool) -> None:
    """Of one pass: steps of networks this deep, not yet trained, multiply rounding by thousands."""
    import torch as theirs

    x = np.random.default_rng(0).normal(size=(2, 3, 64, 64))
    found: list[dict[str, Any]] = []
    for lib, net in zip((ours, theirs), pair(depth), strict=True):
        net.train(training)
        images = lib.from_numpy(x).requires_grad_()
        scores = net(images)
        lib.nn.functional.cross_entropy(scores, lib.tensor([1, 0])).backward()
        grads = {name: p.grad.numpy() for name, p in net.named_parameters()}
        found.append({"scores": scores.detach().numpy(), "x": images.grad.numpy(), **grads})
    for name, value in found[1].items():
        scale = abs(value).max()
        np.testing.assert_allclose(found[0][name] / scale, value / scale, 0, 1e-10, err_msg=name)


# Weights


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home for checkpoints, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("FUNCTRANS_HOME", str(tmp_path / "own"))
    return tmp_path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    """Serves a folder from this machine."""
    root = tmp_path / "served"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    make: Any = partial(Handler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), make) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield root, f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def served(root: Path, state: Any) -> tuple[str, bytes]:
    """A checkpoint on the server, under the name of its hash."""
    path = root / "model.pth"
    ours.save(state, path)
    data = path.read_bytes()
    name = f"model-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    path.rename(root / name)
    return name, data


def test_weights_by_name() -> None:
    assert models.ResNet18_Weights.DEFAULT is models.ResNet18_Weights.IMAGENET1K_V1
    assert models.ResNet50_Weights.DEFAULT.url.endswith("/models/resnet50-11ad3fa6.pth")
    assert repr(models.ResNet50_Weights.DEFAULT) == "ResNet50_Weights.IMAGENET1K_V2"
    assert models.get_weight("ResNet18_Weights.DEFAULT").meta["num_params"] == 11689512
    with pytest.raises(TypeError, match="expected ResNet18_Weights but received ResNet34_Weights"):
        models.resnet18(weights=models.ResNet34_Weights.DEFAULT)
    with pytest.raises(ValueError, match="no weights 'V3'; it has IMAGENET1K_V1"):
        models.resnet18(weights="V3")
    with pytest.raises(ValueError, match="expected value 1000 but got 10"):
        models.resnet18(weights="DEFAULT", num_classes=10)
    with pytest.raises(ValueError, match="Unknown model alexnet"):
        models.get_model("alexnet")


def test_weights_from_a_file(tmp_path: Path) -> None:
    model = models.resnet18(num_classes=3)
    for ending in (".pth", ".safetensors"):
        path = tmp_path / f"mine{ending}"
        if ending == ".safetensors":
            pytest.importorskip("safetensors")
        ours.save(dict(model.state_dict()), path)
        again = models.resnet18(weights=str(path), num_classes=3)
        assert all(map(ours.equal, again.parameters(), model.parameters()))
    with pytest.raises(RuntimeError, match=r"size mismatch for fc\.weight"):
        models.resnet18(weights=path)


@pytest.mark.parametrize("place", ["torch/hub", "own"])
def test_weights_from_a_folder(folder: Path, place: str) -> None:
    model = models.resnet18()
    path = folder / place / "checkpoints" / "resnet18-f37072fd.pth"
    path.parent.mkdir(parents=True)
    ours.save(model.state_dict(), path)
    for options in ({"weights": models.ResNet18_Weights.DEFAULT}, {"pretrained": True}):
        again = models.resnet18(**options)
        assert ours.equal(again.fc.weight, model.fc.weight)


def test_downloading(folder: Path, server: Any, capsys: pytest.CaptureFixture[str]) -> None:
    root, address = server
    name, data = served(root, {"w": ours.ones(50000)})
    url = f"{address}/{name}"
    found = hub.load_state_dict_from_url(url, check_hash=True)
    assert found["w"].sum() == 50000
    target = folder / "torch" / "hub" / "checkpoints" / name
    assert target.read_bytes() == data
    shown = capsys.readouterr().err
    assert f'Downloading: "{url}" to {target}' in shown and "100%" in shown
    (root / name).unlink()  # it is not asked for again
    assert hub.load_state_dict_from_url(url, check_hash=True)["w"].sum() == 50000
    assert capsys.readouterr().err == ""


def test_another_hash(folder: Path, server: Any) -> None:
    root, address = server
    name, _ = served(root, {"w": ours.ones(5)})
    (root / "model-0123456789.pth").write_bytes((root / name).read_bytes())
    with pytest.raises(RuntimeError, match='invalid hash value \\(expected "0123456789"'):
        hub.load_state_dict_from_url(
            f"{address}/model-0123456789.pth", check_hash=True, progress=False
        )
    assert list((folder / "torch" / "hub" / "checkpoints").iterdir()) == []


def test_without_a_network(folder: Path, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, address = server
    places = folder / "torch" / "hub" / "checkpoints"
    for url in (f"{address}/none.pth", "http://127.0.0.1:9/none.pth", "nowhere:/none.pth"):
        with pytest.raises(ConnectionError, match=f"put it at {places / 'none.pth'}"):
            hub.load_state_dict_from_url(url, progress=False)
    assert list(places.iterdir()) == []


def test_a_harmful_checkpoint_is_not_run(folder: Path, server: Any) -> None:
    root, address = server

    class Harm:
        def __reduce__(self) -> Any:
            return print, ("harm",)

    (root / "bad.pth").write_bytes(pickle.dumps(Harm()))
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print"):
        hub.load_state_dict_from_url(f"{address}/bad.pth", progress=False)
    with pytest.raises(NotImplementedError, match="runs no programs"):
        hub.load  # noqa: B018


def test_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCH_HOME", "FUNCTRANS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    home = Path.home() / ".cache"
    assert hub.folders() == [home / "torch/hub/checkpoints", home / "functrans/checkpoints"]
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert hub.get_dir() == "/cache/torch/hub"
    monkeypatch.setattr(hub, "_dir", None)
    hub.set_dir("/elsewhere")
    assert hub.folders()[0] == Path("/elsewhere/checkpoints")


# Transforms


def test_preparing_images() -> None:
    prepare = models.ResNet18_Weights.DEFAULT.transforms()
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    x = prepare(image)
    assert x.shape == (3, 224, 224) and x.dtype is ours.float32
    bytes_ = ours.from_numpy(image).permute(2, 0, 1)
    assert ours.allclose(prepare(bytes_), x, atol=0.02)
    several = prepare(ours.stack([bytes_, bytes_]))
    assert several.shape == (2, 3, 224, 224)
    # Sums of products in another order: what is half way between two bytes goes either way.
    assert ours.allclose(several[0], x, atol=0.02)
    assert "shorter side is 256" in prepare.describe()
    grey = transforms.ImageClassification(crop_size=4, resize_size=2)(np.zeros((9, 9), np.uint8))
    assert grey.shape == (3, 4, 4)
    with pytest.raises(TypeError, match="of dtype float64"):
        prepare(np.zeros((3, 3)))
    with pytest.raises(NotImplementedError, match=r"transforms\.Compose"):
        transforms.Compose  # noqa: B018


@pytest.mark.oracle("torch")
def test_preparing_images_as_pytorch() -> None:
    import torch as theirs

    image = np.random.default_rng(0).integers(0, 256, (3, 70, 50), np.uint8)
    x = transforms.ImageClassification(crop_size=24, resize_size=32)(ours.from_numpy(image))
    y = theirs.nn.functional.interpolate(
        theirs.from_numpy(image)[None].float(), (44, 32), mode="bilinear", antialias=True
    )
    y = y.round().clamp(0, 255)[..., 10:34, 4:28] / 255
    mean = theirs.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
    std = theirs.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)
    # A pixel half way between two bytes may be rounded either way.
    np.testing.assert_allclose(x.numpy(), ((y - mean) / std)[0].numpy(), atol=0.02)
