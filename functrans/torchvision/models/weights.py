"""Weights of models: where they are, and reading them into a model."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from functrans.torch import hub, load
from functrans.torch.nn import Module


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights at an address.

    Parameters
    ----------
    url : str
        The name of the file ends in the beginning of its SHA-256.
    transforms : callable
        Makes what prepares images for a model with these weights.
    meta : dict
        What is known of them.
    """

    url: str
    transforms: Callable[..., Any]
    meta: dict[str, Any] = field(default_factory=dict)


class WeightsEnum(Enum):
    """The weights that there are for a model."""

    # The values of all members; typing has the attribute as a property.
    value: Weights  # pyright: ignore[reportIncompatibleMethodOverride]

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """The member that an object is or names.

        Raises
        ------
        TypeError
            It belongs to another model.
        """
        if isinstance(obj, str):
            name = obj.removeprefix(f"{cls.__name__}.")
            if name not in cls.__members__:
                raise ValueError(
                    f"{cls.__name__} has no weights {obj!r}; it has {', '.join(cls.__members__)}. "
                    "For a file give its path"
                )
            return cls[name]
        if obj is not None and not isinstance(obj, cls):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received "
                f"{type(obj).__name__}."
            )
        return obj

    def get_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The weights themselves, from a folder or downloaded: see `torch.hub`."""
        return hub.load_state_dict_from_url(self.url, *args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    @property
    def url(self) -> str:
        """Where they are."""
        return self.value.url

    @property
    def transforms(self) -> Callable[..., Any]:
        """Makes what prepares images for a model with these weights."""
        return self.value.transforms

    @property
    def meta(self) -> dict[str, Any]:
        """What is known of them."""
        return self.value.meta


def is_path(weights: Any) -> bool:
    """Whether weights are given by the path of a file."""
    if isinstance(weights, os.PathLike):
        return True
    return isinstance(weights, str) and (
        os.path.splitext(weights)[1] in (".pth", ".pt", ".safetensors") or os.sep in weights
    )


def fill(
    make: Callable[..., Module],
    kinds: type[WeightsEnum],
    weights: Any,
    progress: bool,
    options: dict[str, Any],
) -> Module:
    """A model, with weights if there are to be some.

    Parameters
    ----------
    make : callable
        Makes the model from `options`.
    kinds : type of WeightsEnum
    weights : WeightsEnum, str, path or None
        A member of `kinds`, its name, or a file.
    progress : bool
        Show a bar while they are downloaded.
    options : dict
    """
    if options.pop("pretrained", False) and weights is None:
        weights = next(iter(kinds))
    if is_path(weights):
        model = make(**options)
        model.load_state_dict(load(weights))
        return model
    member = kinds.verify(weights)
    if member is None:
        return make(**options)
    classes = member.meta["num_classes"]
    if options.setdefault("num_classes", classes) != classes:
        raise ValueError(
            f"The parameter 'num_classes' expected value {classes} but got "
            f"{options['num_classes']} instead."
        )
    state = member.get_state_dict(progress=progress, check_hash=True)
    model = make(**options)
    model.load_state_dict(state)
    return model
