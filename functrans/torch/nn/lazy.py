"""Lazy modules: layers that learn the number of their inputs from the first batch.

Until then their parameters are :class:`~functrans.torch.nn.parameter.UninitializedParameter`; with
it, or with a state that is loaded, they get their shapes, and the module becomes an ordinary one.
"""

from __future__ import annotations

from typing import Any, ClassVar

from functrans.torch.creation import tensor
from functrans.torch.dtypes import int64
from functrans.torch.engine import grad_mode
from functrans.torch.nn import convolution, linear, normalization
from functrans.torch.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from functrans.torch.tensor import Tensor


class LazyModuleMixin:
    """Makes a module of parameters without shapes, for classes that name it before their Module.

    Subclasses define ``initialize_parameters``, which is called with the arguments of the first
    call and gives the parameters their shapes; `cls_to_become` is the class that the module has
    from then on, if another.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> class LazyScale(torch.nn.modules.lazy.LazyModuleMixin, torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.scale = torch.nn.UninitializedParameter()
    ...
    ...     def initialize_parameters(self, x):
    ...         if self.has_uninitialized_params():
    ...             self.scale.materialize(x.shape[-1:])
    ...             torch.nn.init.ones_(self.scale)
    ...
    ...     def forward(self, x):
    ...         return self.scale * x
    >>> LazyScale()(torch.tensor([2.0, 3.0]))
    tensor([2., 3.], grad_fn=<MulBackward0>)
    """

    cls_to_become: ClassVar[type[Any] | None] = None

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        module: Any = self
        module._register_load_state_dict_pre_hook(self._take_shapes)
        module.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters the shapes that go with these arguments of ``forward``."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))

    def _take_shapes(self, state: Any, prefix: str, *_: Any) -> None:
        """Give parameters the shapes that they have in a state that is about to be loaded."""
        for name, own in {**self._parameters, **self._buffers}.items():
            given = state.get(prefix + name)
            if is_lazy(own) and given is not None and not is_lazy(given):
                own.materialize(tuple(given.shape))

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        """Before the first call: after it the module is an ordinary one."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
        own = (LazyModuleMixin._infer_parameters, LazyModuleMixin._take_shapes)
        for table in (
            module._forward_pre_hooks,
            module._forward_pre_hooks_with_kwargs,
            module._load_state_dict_pre_hooks,
        ):
            for number, hook in list(table.items()):
                if getattr(hook, "__func__", None) in own:
                    del table[number]
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become


class LazyLinear(LazyModuleMixin, linear.Linear):
    """A `Linear` layer whose number of inputs the first batch tells.

    Parameters
    ----------
    out_features : int
    bias : bool

    Examples
    --------
    >>> import functrans.torch as torch
    >>> layer = torch.nn.LazyLinear(4)
    >>> layer
    LazyLinear(in_features=0, out_features=4, bias=True)
    >>> layer(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    >>> layer
    Linear(in_features=3, out_features=4, bias=True)
    """

    cls_to_become = linear.Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(0, 0, False, device, dtype)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new parameters, once they have shapes."""
        if self.in_features and not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Give the parameters the shapes that go with this input."""
        if self.has_uninitialized_params():
            with grad_mode(False):
                self.in_features = input.shape[-1]
                self.weight.materialize((self.out_features, self.in_features))
                if self.bias is not None:
                    self.bias.materialize((self.out_features,))
                self.reset_parameters()
        if not self.in_features:  # the parameters came with a state
            self.in_features = int(self.weight.shape[-1])


class _LazyConv(LazyModuleMixin, convolution._ConvNd):
    """What lazy convolutions share; each class names the ordinary one behind it."""

    def _begin(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        if out_channels % self.groups:
            raise ValueError("out_channels must be divisible by groups")
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new parameters, once they have shapes."""
        if self.in_channels and not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Give the parameters the shapes that go with this input."""
        if self.has_uninitialized_params():
            channels = self._channels(input)
            if channels % self.groups:
                raise ValueError("in_channels must be divisible by groups")
            self.in_channels = channels
            shape = (self.out_channels, channels // self.groups)
            if self.transposed:
                shape = (channels, self.out_channels // self.groups)
            with grad_mode(False):
                self.weight.materialize((*shape, *self.kernel_size))
                if self.bias is not None:
                    self.bias.materialize((self.out_channels,))
                self.reset_parameters()
        if not self.in_channels:  # the parameters came with a state
            shape = self.weight.shape
            self.in_channels = shape[0] if self.transposed else shape[1] * self.groups

    def _channels(self, input: Tensor) -> int:
        single = self.axes + 1
        if input.ndim not in (single, single + 1):
            raise RuntimeError(
                f"Expected {single}D (unbatched) or {single + 1}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {input.shape}"
            )
        return int(input.shape[0 if input.ndim == single else 1])


class _LazyForwardConv(_LazyConv, convolution._Conv):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            *(0, 0, kernel_size, stride, padding, dilation, groups, False),
            *(padding_mode, device, dtype),
        )
        self._begin(out_channels, bias, device, dtype)


class _LazyTransposedConv(_LazyConv, convolution._ConvTransposeNd):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            *(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation),
            *(padding_mode, device, dtype),
        )
        self._begin(out_channels, bias, device, dtype)


class LazyConv1d(_LazyForwardConv, convolution.Conv1d):
    """A `Conv1d` whose number of input channels the first batch tells."""

    cls_to_become = convolution.Conv1d


class LazyConv2d(_LazyForwardConv, convolution.Conv2d):
    """A `Conv2d` whose number of input channels the first batch tells.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> layer = torch.nn.LazyConv2d(8, 3)
    >>> layer(torch.ones(1, 3, 5, 5)).shape, layer.weight.shape
    (torch.Size([1, 8, 3, 3]), torch.Size([8, 3, 3, 3]))
    """

    cls_to_become = convolution.Conv2d


class LazyConv3d(_LazyForwardConv, convolution.Conv3d):
    """A `Conv3d` whose number of input channels the first batch tells."""

    cls_to_become = convolution.Conv3d


class LazyConvTranspose1d(_LazyTransposedConv, convolution.ConvTranspose1d):
    """A `ConvTranspose1d` whose number of input channels the first batch tells."""

    cls_to_become = convolution.ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposedConv, convolution.ConvTranspose2d):
    """A `ConvTranspose2d` whose number of input channels the first batch tells."""

    cls_to_become = convolution.ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposedConv, convolution.ConvTranspose3d):
    """A `ConvTranspose3d` whose number of input channels the first batch tells."""

    cls_to_become = convolution.ConvTranspose3d


class _LazyNorm(LazyModuleMixin, normalization._NormBase):
    """What lazy normalisations share; each class names the ordinary one behind it."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self.affine = affine
        self.track_running_stats = track_running_stats
        made = {"device": device, "dtype": dtype}
        if affine:
            self.weight = UninitializedParameter(**made)
            if bias:
                self.bias = UninitializedParameter(**made)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**made)
            self.running_var = UninitializedBuffer(**made)
            self.num_batches_tracked = tensor(0, dtype=int64)

    def reset_parameters(self) -> None:
        """Set weight, bias and statistics to their first values, once they have shapes."""
        if self.num_features and not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Give the parameters and statistics the shapes that go with this input."""
        own = (self.weight, self.bias, self.running_mean, self.running_var)
        if self.has_uninitialized_params():
            self.num_features = input.shape[1]
            for value in own:
                if value is not None:
                    value.materialize((self.num_features,))
            self.reset_parameters()
        if not self.num_features:  # they came with a state, or there are none
            sizes = [len(value) for value in own if value is not None]
            self.num_features = sizes[0] if sizes else input.shape[1]


class LazyBatchNorm1d(_LazyNorm, normalization.BatchNorm1d):
    """A `BatchNorm1d` whose number of channels the first batch tells.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> layer = torch.nn.LazyBatchNorm1d()
    >>> layer(torch.randn(4, 3)).shape, layer.num_features
    (torch.Size([4, 3]), 3)
    """

    cls_to_become = normalization.BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, normalization.BatchNorm2d):
    """A `BatchNorm2d` whose number of channels the first batch tells."""

    cls_to_become = normalization.BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, normalization.BatchNorm3d):
    """A `BatchNorm3d` whose number of channels the first batch tells."""

    cls_to_become = normalization.BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, normalization.InstanceNorm1d):
    """An `InstanceNorm1d` whose number of channels the first batch tells."""

    cls_to_become = normalization.InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, normalization.InstanceNorm2d):
    """An `InstanceNorm2d` whose number of channels the first batch tells."""

    cls_to_become = normalization.InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, normalization.InstanceNorm3d):
    """An `InstanceNorm3d` whose number of channels the first batch tells."""

    cls_to_become = normalization.InstanceNorm3d
