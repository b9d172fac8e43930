"""PyTorch's first-order optimisers by name, with their options and what these are checked for.

Their mathematics, and what the options mean, are those of `functrans.optim`. All take ``maximize``
(go up, not down); ``foreach``, ``fused`` and ``capturable`` are there for programs that give them,
and change nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.optim import steps
from functrans.torch.engine import EngineArray
from functrans.torch.optim.elementwise import ElementwiseOptimizer, Memory, check_options, number
from functrans.torch.tensor import Tensor, wrap


class SGD(ElementwiseOptimizer):
    """Gradient descent, with momentum; see `functrans.optim.sgd`.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> w = torch.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w**2).sum().backward()
    ...     optimizer.step()
    >>> w
    tensor([ 1.3800, -0.9200], requires_grad=True)
    """

    rule = (steps.sgd_state, steps.sgd_step)
    options = ("momentum", "dampening", "weight_decay", "nesterov")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_options(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _move(
        self, param: Tensor, grad: Memory, group: dict[str, Any], options: dict[str, Any]
    ) -> None:
        """As for the others, but that PyTorch counts no steps: momentum says whether there were."""
        memory = param.numpy_memory()
        arrays: dict[str, Memory] = {}
        count = 1.0
        if options["momentum"]:
            state = self.state[param]
            buffer = state.get("momentum_buffer")
            if buffer is None:
                own = steps.sgd_state(memory, momentum=options["momentum"])["momentum_buffer"]
                buffer = state["momentum_buffer"] = wrap(EngineArray(np.asarray(own)))
            else:
                count = 2.0
            arrays["momentum_buffer"] = buffer.numpy_memory()
            buffer.array.version[0] += 1
        self._write(memory, grad, arrays, {}, count, options)
        param.array.version[0] += 1

    def _update(
        self,
        memory: Memory,
        grad: Memory,
        arrays: dict[str, Memory],
        numbers: dict[str, float],
        count: float,
        options: dict[str, Any],
    ) -> steps.State:
        """What `steps.sgd_step` computes, to the bit, where it lies: so a third less of memory is
        read and written, and most of a training step of few examples is that."""
        decay, momentum = options["weight_decay"], options["momentum"]
        if decay:
            grad = grad + decay * memory
        if momentum:
            buffer = arrays["momentum_buffer"]
            buffer *= momentum
            # The first gradient enters the buffer whole.
            whole = count == 1 or not options["dampening"]
            buffer += grad if whole else (1 - options["dampening"]) * grad
            grad = grad + momentum * buffer if options["nesterov"] else buffer
        memory -= options["lr"] * grad
        return {}


class Adam(ElementwiseOptimizer):
    """Steps scaled by running averages of squared gradients; see `functrans.optim.adam`.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> w = torch.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = torch.optim.Adam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 2.9000, -1.9000], requires_grad=True)
    """

    rule = (steps.adam_state, steps.adam_step)
    options = ("betas", "eps", "weight_decay", "amsgrad", "decoupled_weight_decay")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_options(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "foreach": foreach,
            "maximize": maximize,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)


class AdamW(Adam):
    """Adam with decoupled weight decay; see `functrans.optim.adamw`."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )


class NAdam(ElementwiseOptimizer):
    """Adam with Nesterov's momentum; see `functrans.optim.nadam`."""

    rule = (steps.nadam_state, steps.nadam_step)
    options = ("betas", "eps", "weight_decay", "momentum_decay", "decoupled_weight_decay")
    numbers = ("mu_product",)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay
        )
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)


class RAdam(ElementwiseOptimizer):
    """Adam that waits until averages of squares are known; see `functrans.optim.radam`."""

    rule = (steps.radam_state, steps.radam_step)
    options = ("betas", "eps", "weight_decay", "decoupled_weight_decay")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)


class Adamax(ElementwiseOptimizer):
    """Adam with a decaying maximum of gradients; see `functrans.optim.adamax`."""

    rule = (steps.adamax_state, steps.adamax_step)
    options = ("betas", "eps", "weight_decay")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_options(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)


class RMSprop(ElementwiseOptimizer):
    """Gradients divided by the root of their running mean square; see `functrans.optim.rmsprop`."""

    rule = (steps.rmsprop_state, steps.rmsprop_step)
    options = ("alpha", "eps", "weight_decay", "momentum", "centered")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)


class Adagrad(ElementwiseOptimizer):
    """Gradients divided by the root of their summed squares; see `functrans.optim.adagrad`."""

    rule = (steps.adagrad_state, steps.adagrad_step)
    options = ("lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_options(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimise more parameters; their sums begin here, as PyTorch's do."""
        super().add_param_group(param_group)
        for param in param_group["params"]:
            self._start(param, param_group)


class Adadelta(ElementwiseOptimizer):
    """Steps as large as the last ones, for equal gradients; see `functrans.optim.adadelta`."""

    rule = (steps.adadelta_state, steps.adadelta_step)
    options = ("rho", "eps", "weight_decay")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr=lr, eps=eps, weight_decay=weight_decay)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "capturable": capturable,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)


class ASGD(ElementwiseOptimizer):
    """Gradient descent that averages where it was; see `functrans.optim.asgd`."""

    rule = (steps.asgd_state, steps.asgd_step)
    options = ("lambd", "alpha", "t0", "weight_decay")
    numbers = ("eta", "mu")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_options(lr=lr, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, group: dict[str, Any]) -> None:
        super()._start(param, group)
        self.state[param]["eta"] = number(float(group["lr"]))


class Rprop(ElementwiseOptimizer):
    """Steps by the signs of gradients, for whole batches; see `functrans.optim.rprop`."""

    rule = (steps.rprop_state, steps.rprop_step)
    options = ("etas", "step_sizes")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_options(lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)
