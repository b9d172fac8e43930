"""Residual networks (He and others, 2015), with the parameters of torchvision.

Blocks with three convolutions have the stride in the second, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from functrans.torch import nn
from functrans.torch.tensor import Tensor
from functrans.torchvision.models.weights import Weights, WeightsEnum, fill
from functrans.torchvision.transforms import ImageClassification

Norm = Callable[[int], nn.Module]


class _Block(nn.Module):
    """A block: its convolutions, which are added to what it was given."""

    expansion: ClassVar[int]
    """How many more channels come out than `planes`."""

    downsample: nn.Module | None

    def _enter(self, convolution: nn.Module, norm: Norm, number: int) -> None:
        """Enter a convolution without bias, and the normalisation behind it."""
        setattr(self, f"conv{number}", convolution)
        setattr(self, f"bn{number}", norm(convolution.out_channels))

    def _branch(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both ways through the block."""
        beside = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.relu(self._branch(x) + beside)
        return out


class BasicBlock(_Block):
    """Two convolutions of width 3."""

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        norm = norm_layer or nn.BatchNorm2d
        self._enter(_wide(inplanes, planes, stride), norm, 1)
        self.relu = nn.ReLU(inplace=True)
        self._enter(_wide(planes, planes), norm, 2)
        self.downsample = downsample
        self.stride = stride

    def _branch(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return out


class Bottleneck(_Block):
    """A convolution of width 3 on few channels, between two of width 1."""

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64)) * groups
        self._enter(_narrow(inplanes, width), norm, 1)
        self._enter(_wide(width, width, stride, groups, dilation), norm, 2)
        self._enter(_narrow(width, planes * self.expansion), norm, 3)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def _branch(self, x: Tensor) -> Tensor:
        inner = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        out: Tensor = self.bn3(self.conv3(inner))
        return out


def _wide(
    inputs: int, outputs: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Module:
    return nn.Conv2d(
        inputs,
        outputs,
        kernel_size=3,
        stride=stride,
        padding=dilation,
        groups=groups,
        dilation=dilation,
        bias=False,
    )


def _narrow(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    return nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False)


class ResNet(nn.Module):
    """A residual network.

    Parameters
    ----------
    block : type
        `BasicBlock` or `Bottleneck`.
    layers : sequence of int
        How many blocks each of the four layers has.
    num_classes : int
    zero_init_residual : bool
        Blocks are the identity at first.
    groups, width_per_group : int
        Of the inner convolutions of `Bottleneck`.
    replace_stride_with_dilation : sequence of bool, optional
        For each of the last three layers, whether images keep their size and convolutions grow.
    norm_layer : callable, optional
        Makes a normalisation from a number of channels; default `BatchNorm2d`.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> from functrans.torchvision.models.resnet import BasicBlock, ResNet
    >>> model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=3)
    >>> model(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        dilate = replace_stride_with_dilation or (False, False, False)
        if len(dilate) != 3:
            raise ValueError(
                "replace_stride_with_dilation should be None or a 3-element tuple, got "
                f"{replace_stride_with_dilation}"
            )
        norm = norm_layer or nn.BatchNorm2d
        self._norm_layer = norm
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = norm(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._set_first_values(zero_init_residual)

    def _set_first_values(self, zero_init_residual: bool) -> None:
        """First values of convolutions and of normalisations."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, Bottleneck | BasicBlock):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    nn.init.zeros_(last.weight)

    def _make_layer(
        self,
        block: type[BasicBlock | Bottleneck],
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> nn.Sequential:
        """The blocks of a layer, the first with the stride, or with the dilation from before."""
        norm, outputs = self._norm_layer, planes * block.expansion
        before = self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        beside = None
        if stride != 1 or self.inplanes != outputs:
            beside = nn.Sequential(_narrow(self.inplanes, outputs, stride), norm(outputs))
        options = (self.groups, self.base_width)
        made = [block(self.inplanes, planes, stride, beside, *options, before, norm)]
        self.inplanes = outputs
        for _ in range(1, blocks):
            made.append(block(outputs, planes, 1, None, *options, self.dilation, norm))
        return nn.Sequential(*made)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes for each image."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        scores: Tensor = self.fc(self.avgpool(x).flatten(1))
        return scores


# Weights, trained on ImageNet; the figures are those that torchvision states.

_ADDRESS = "https://download.pytorch.org/models/"


def _weights(name: str, count: int, top1: float, top5: float, resize: int = 256) -> Weights:
    return Weights(
        url=f"{_ADDRESS}{name}.pth",
        transforms=partial(ImageClassification, crop_size=224, resize_size=resize),
        meta={
            "num_classes": 1000,
            "num_params": count,
            "min_size": (1, 1),
            "_metrics": {"ImageNet-1K": {"acc@1": top1, "acc@5": top5}},
        },
    )


class ResNet18_Weights(WeightsEnum):
    """Weights of `resnet18`."""

    IMAGENET1K_V1 = _weights("resnet18-f37072fd", 11689512, 69.758, 89.078)
    DEFAULT = IMAGENET1K_V1


class ResNet34_Weights(WeightsEnum):
    """Weights of `resnet34`."""

    IMAGENET1K_V1 = _weights("resnet34-b627a593", 21797672, 73.314, 91.420)
    DEFAULT = IMAGENET1K_V1


class ResNet50_Weights(WeightsEnum):
    """Weights of `resnet50`."""

    IMAGENET1K_V1 = _weights("resnet50-0676ba61", 25557032, 76.130, 92.862)
    IMAGENET1K_V2 = _weights("resnet50-11ad3fa6", 25557032, 80.858, 95.434, resize=232)
    DEFAULT = IMAGENET1K_V2


class ResNet101_Weights(WeightsEnum):
    """Weights of `resnet101`."""

    IMAGENET1K_V1 = _weights("resnet101-63fe2227", 44549160, 77.374, 93.546)
    IMAGENET1K_V2 = _weights("resnet101-cd907fc2", 44549160, 81.886, 95.780, resize=232)
    DEFAULT = IMAGENET1K_V2


class ResNet152_Weights(WeightsEnum):
    """Weights of `resnet152`."""

    IMAGENET1K_V1 = _weights("resnet152-394f9c45", 60192808, 78.312, 94.046)
    IMAGENET1K_V2 = _weights("resnet152-f82ba261", 60192808, 82.284, 96.002, resize=232)
    DEFAULT = IMAGENET1K_V2


def _builder(
    name: str, block: type[BasicBlock | Bottleneck], layers: list[int], kinds: type[WeightsEnum]
) -> Callable[..., ResNet]:
    def build(*, weights: Any = None, progress: bool = True, **options: Any) -> ResNet:
        make = partial(ResNet, block, layers)
        return fill(make, kinds, weights, progress, options)  # type: ignore[return-value]

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"""The residual network with {name.removeprefix("resnet")} layers.

    Parameters
    ----------
    weights : {kinds.__name__}, str or path, optional
        Weights, their name, or a file of them; random ones by default. Those that are not in one of
        the folders of `functrans.torch.hub.folders` are downloaded.
    progress : bool
        Show a bar while they are downloaded.
    **options
        See `ResNet`.
    """
    return build


resnet18 = _builder("resnet18", BasicBlock, [2, 2, 2, 2], ResNet18_Weights)
resnet34 = _builder("resnet34", BasicBlock, [3, 4, 6, 3], ResNet34_Weights)
resnet50 = _builder("resnet50", Bottleneck, [3, 4, 6, 3], ResNet50_Weights)
resnet101 = _builder("resnet101", Bottleneck, [3, 4, 23, 3], ResNet101_Weights)
resnet152 = _builder("resnet152", Bottleneck, [3, 8, 36, 3], ResNet152_Weights)
