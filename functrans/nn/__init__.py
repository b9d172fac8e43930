"""The mathematics of neural networks, as functions of arrays.

Names, options and derivatives at kinks are those of ``torch.nn.functional``; an axis is called
``axis``, and what is random takes a ``numpy.random.Generator`` or a key of ``functrans.random``.
Parameters are arrays that you pass: with ``grad(loss)(params)`` any pytree of them is
differentiated.

>>> import numpy as np, functrans as ft
>>> def loss(params, x, y):
...     return ft.nn.cross_entropy(x @ params["w"] + params["b"], y)
>>> params = {"w": np.zeros((2, 3)), "b": np.zeros(3)}
>>> ft.grad(loss)(params, np.ones((1, 2)), np.array([0]))["b"].round(6)
array([-0.666667,  0.333333,  0.333333])
"""

from functrans.nn import init as init
from functrans.nn.activations import (
    celu as celu,
    elu as elu,
    gelu as gelu,
    glu as glu,
    gumbel_softmax as gumbel_softmax,
    hardshrink as hardshrink,
    hardsigmoid as hardsigmoid,
    hardswish as hardswish,
    hardtanh as hardtanh,
    leaky_relu as leaky_relu,
    log_sigmoid as log_sigmoid,
    log_softmax as log_softmax,
    mish as mish,
    prelu as prelu,
    relu as relu,
    relu6 as relu6,
    selu as selu,
    sigmoid as sigmoid,
    silu as silu,
    softmax as softmax,
    softmin as softmin,
    softplus as softplus,
    softshrink as softshrink,
    softsign as softsign,
    tanh as tanh,
    tanhshrink as tanhshrink,
    threshold as threshold,
)
from functrans.nn.adaptive import (
    adaptive_log_likelihood as adaptive_log_likelihood,
    adaptive_log_softmax as adaptive_log_softmax,
)
from functrans.nn.attention import (
    multi_head_attention as multi_head_attention,
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from functrans.nn.classification import (
    cross_entropy as cross_entropy,
    nll_loss as nll_loss,
    one_hot as one_hot,
)
from functrans.nn.convolution import (
    conv1d as conv1d,
    conv2d as conv2d,
    conv3d as conv3d,
    conv_transpose1d as conv_transpose1d,
    conv_transpose2d as conv_transpose2d,
    conv_transpose3d as conv_transpose3d,
    fold as fold,
    unfold as unfold,
)
from functrans.nn.ctc import ctc_loss as ctc_loss
from functrans.nn.distances import (
    cosine_similarity as cosine_similarity,
    normalize as normalize,
    pairwise_distance as pairwise_distance,
)
from functrans.nn.grids import affine_grid as affine_grid, grid_sample as grid_sample
from functrans.nn.linear import bilinear as bilinear, linear as linear
from functrans.nn.losses import (
    binary_cross_entropy as binary_cross_entropy,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
    cosine_embedding_loss as cosine_embedding_loss,
    gaussian_nll_loss as gaussian_nll_loss,
    hinge_embedding_loss as hinge_embedding_loss,
    huber_loss as huber_loss,
    kl_div as kl_div,
    l1_loss as l1_loss,
    margin_ranking_loss as margin_ranking_loss,
    mse_loss as mse_loss,
    poisson_nll_loss as poisson_nll_loss,
    smooth_l1_loss as smooth_l1_loss,
    soft_margin_loss as soft_margin_loss,
    triplet_margin_loss as triplet_margin_loss,
)
from functrans.nn.lp_pooling import (
    lp_pool1d as lp_pool1d,
    lp_pool2d as lp_pool2d,
    lp_pool3d as lp_pool3d,
)
from functrans.nn.margins import (
    multi_margin_loss as multi_margin_loss,
    multilabel_margin_loss as multilabel_margin_loss,
    multilabel_soft_margin_loss as multilabel_soft_margin_loss,
)
from functrans.nn.normalization import (
    batch_norm as batch_norm,
    group_norm as group_norm,
    instance_norm as instance_norm,
    layer_norm as layer_norm,
    local_response_norm as local_response_norm,
    power_iteration as power_iteration,
    rms_norm as rms_norm,
    weight_norm as weight_norm,
)
from functrans.nn.pooling import (
    adaptive_avg_pool1d as adaptive_avg_pool1d,
    adaptive_avg_pool2d as adaptive_avg_pool2d,
    adaptive_avg_pool3d as adaptive_avg_pool3d,
    adaptive_max_pool1d as adaptive_max_pool1d,
    adaptive_max_pool2d as adaptive_max_pool2d,
    adaptive_max_pool3d as adaptive_max_pool3d,
    avg_pool1d as avg_pool1d,
    avg_pool2d as avg_pool2d,
    avg_pool3d as avg_pool3d,
    max_pool1d as max_pool1d,
    max_pool2d as max_pool2d,
    max_pool3d as max_pool3d,
    max_unpool1d as max_unpool1d,
    max_unpool2d as max_unpool2d,
    max_unpool3d as max_unpool3d,
)
from functrans.nn.recurrent import (
    gru as gru,
    gru_cell as gru_cell,
    lstm as lstm,
    lstm_cell as lstm_cell,
    rnn as rnn,
    rnn_cell as rnn_cell,
)
from functrans.nn.regularization import (
    alpha_dropout as alpha_dropout,
    dropout as dropout,
    feature_dropout as feature_dropout,
)
from functrans.nn.resampling import (
    interpolate as interpolate,
    pad as pad,
    pixel_shuffle as pixel_shuffle,
    pixel_unshuffle as pixel_unshuffle,
)
from functrans.nn.tables import embedding as embedding, embedding_bag as embedding_bag
