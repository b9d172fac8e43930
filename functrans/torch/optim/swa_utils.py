"""Averages of models over training, plain ones and exponential ones, and their learning rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any, Literal

from functrans.optim import schedules
from functrans.torch.autograd import no_grad
from functrans.torch.creation import tensor
from functrans.torch.devices import check_device
from functrans.torch.dtypes import int64
from functrans.torch.nn import Module
from functrans.torch.nn.normalization import _BatchNorm
from functrans.torch.optim.lr_scheduler.base import LRScheduler, for_groups, values_of
from functrans.torch.optim.optimizer import Optimizer
from functrans.torch.tensor import Tensor

Average = Callable[[Tensor, Tensor, Any], Tensor]
"""From an average, a value and how many values there were before to the new average."""


def get_swa_avg_fn() -> Average:
    """The rule of a mean in which all values count the same."""
    return lambda average, value, count: average + (value - average) / (count + 1)


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The rule of a mean in which older values count less, `decay` times with every new one."""
    _check_decay(decay)
    return lambda average, value, count: decay * average + (1 - decay) * value


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def _of_several(rule: Average) -> Callable[[Any, Any, Any], None]:
    def update(averages: Any, values: Any, count: Any) -> None:
        with no_grad():
            for average, value in zip(averages, values, strict=True):
                average.copy_(rule(average, value, count))

    return update


def get_swa_multi_avg_fn() -> Callable[[Any, Any, Any], None]:
    """As `get_swa_avg_fn`, for lists of tensors, in place."""
    return _of_several(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[Any, Any, Any], None]:
    """As `get_ema_avg_fn`, for lists of tensors, in place."""
    return _of_several(get_ema_avg_fn(decay))


class AveragedModel(Module):
    """A copy of a model, whose parameters become averages of those that the model had.

    Parameters
    ----------
    model : Module
    device : "cpu", optional
    avg_fn : callable, optional
        The rule of the average; default `get_swa_avg_fn`.
    multi_avg_fn : callable, optional
        Such a rule for lists of tensors, in its place.
    use_buffers : bool
        Average buffers too, instead of taking them over as they are.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> from functrans.torch.optim.swa_utils import AveragedModel
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> averaged = AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = torch.nn.init.constant_(model.weight, value)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item()
    3.0
    """

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Callable[[Any, Any, Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        check_device(device)
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        self.register_buffer("n_averaged", tensor(0, dtype=int64))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model makes of its arguments."""
        return self.module(*args, **kwargs)

    def _averaged(self, model: Module) -> list[Tensor]:
        buffers = model.buffers() if self.use_buffers else ()
        return [x.detach() for x in chain(model.parameters(), buffers)]

    def update_parameters(self, model: Module) -> None:
        """Take the parameters of the model into the averages."""
        averages, values = self._averaged(self.module), self._averaged(model)
        if not self.n_averaged:
            for average, value in zip(averages, values, strict=True):
                average.copy_(value)
        else:
            update = self.multi_avg_fn or _of_several(self.avg_fn or get_swa_avg_fn())
            update(averages, values, self.n_averaged)
        if not self.use_buffers:
            for own, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
                own.detach().copy_(buffer.detach())
        self.n_averaged += 1


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running averages of batch normalisations anew.

    Parameters
    ----------
    loader : iterable
        Batches: tensors, or lists and tuples whose first entry is what the model takes.
    model : Module
    device : "cpu", optional
    """
    check_device(device)
    momenta = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not momenta:
        return
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None  # all batches count the same
    training = model.training
    model.train()
    with no_grad():
        for batch in loader:
            model(batch[0] if isinstance(batch, list | tuple) else batch)
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """From the rate that there is to a constant one, within `anneal_epochs`.

    Parameters
    ----------
    optimizer : Optimizer
    swa_lr : float or list of float
        The constant rate, or one for each group.
    anneal_epochs : int
    anneal_strategy : {"cos", "linear"}
    last_epoch : int
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = for_groups("swa_lr", optimizer, swa_lr)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        self._anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The rates of this epoch, from those that the groups have."""
        self._check_within_step()
        step, length = self._step_count - 1, self.anneal_epochs
        share = 0.0
        if length and step < length:
            cos = self._anneal_strategy == "cos"
            schedule = (
                schedules.cosine_annealing_lr(1.0, length)
                if cos
                else schedules.linear_lr(1.0, 1.0, 0.0, length)
            )
            share = schedule(step) / schedule(step - 1) if step else 1.0
        pairs = zip(values_of(self.optimizer, "lr"), self.optimizer.param_groups, strict=True)
        return [group["swa_lr"] + (rate - group["swa_lr"]) * share for rate, group in pairs]
