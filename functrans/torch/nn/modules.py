"""``torch.nn.modules``: the files of the classes under PyTorch's names.

>>> import functrans.torch as torch
>>> isinstance(torch.nn.BatchNorm2d(3), torch.nn.modules.batchnorm._BatchNorm)
True
"""

from __future__ import annotations

from functrans.torch.nn import (
    activation as activation,
    adaptive as adaptive,
    containers,
    convolution,
    distance as distance,
    embedding,
    lazy as lazy,
    linear as linear,
    loss as loss,
    module as module,
    normalization as normalization,
    padding as padding,
    pooling as pooling,
    recurrent,
    regularization,
    resampling,
    transformer as transformer,
)

batchnorm = instancenorm = normalization
channelshuffle = pixelshuffle = upsampling = resampling
container = containers
conv = fold = convolution
dropout = regularization
flatten = linear
rnn = recurrent
sparse = embedding

Module = module.Module
Sequential = containers.Sequential
