"""Models and weights by name."""

from __future__ import annotations

from typing import Any

from functrans.torchvision.models import resnet
from functrans.torchvision.models.weights import WeightsEnum

_MODELS = {
    "resnet18": (resnet.resnet18, resnet.ResNet18_Weights),
    "resnet34": (resnet.resnet34, resnet.ResNet34_Weights),
    "resnet50": (resnet.resnet50, resnet.ResNet50_Weights),
    "resnet101": (resnet.resnet101, resnet.ResNet101_Weights),
    "resnet152": (resnet.resnet152, resnet.ResNet152_Weights),
}


def list_models() -> list[str]:
    """The names of all models.

    Examples
    --------
    >>> list_models()
    ['resnet101', 'resnet152', 'resnet18', 'resnet34', 'resnet50']
    """
    return sorted(_MODELS)


def _entry(name: str) -> Any:
    if name.lower() not in _MODELS:
        raise ValueError(f"Unknown model {name}; there are {', '.join(list_models())}")
    return _MODELS[name.lower()]


def get_model(name: str, **options: Any) -> resnet.ResNet:
    """A model by its name, with the options of the function of that name."""
    made: resnet.ResNet = _entry(name)[0](**options)
    return made


def get_model_weights(name: str) -> type[WeightsEnum]:
    """The weights that there are for a model."""
    kinds: type[WeightsEnum] = _entry(name)[1]
    return kinds


def get_weight(name: str) -> WeightsEnum:
    """Weights by their full name.

    Examples
    --------
    >>> get_weight("ResNet50_Weights.DEFAULT")
    ResNet50_Weights.IMAGENET1K_V2
    """
    kind, _, member = name.partition(".")
    for _, kinds in _MODELS.values():
        if kinds.__name__ == kind:
            found: WeightsEnum = kinds.verify(member)
            return found
    raise ValueError(f"Unknown weights {name}")
