"""PyTorch's schedulers of learning rates, on the schedules of `functrans.optim`."""

from functrans.torch.optim.lr_scheduler.base import (
    LRScheduler as LRScheduler,
    LRScheduler as _LRScheduler,  # noqa: F401 - the name that older programs derive from
)
from functrans.torch.optim.lr_scheduler.combined import (
    ChainedScheduler as ChainedScheduler,
    SequentialLR as SequentialLR,
)
from functrans.torch.optim.lr_scheduler.cycles import (
    CyclicLR as CyclicLR,
    OneCycleLR as OneCycleLR,
)
from functrans.torch.optim.lr_scheduler.epochs import (
    ConstantLR as ConstantLR,
    CosineAnnealingLR as CosineAnnealingLR,
    CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts,
    ExponentialLR as ExponentialLR,
    LambdaLR as LambdaLR,
    LinearLR as LinearLR,
    MultiplicativeLR as MultiplicativeLR,
    MultiStepLR as MultiStepLR,
    PolynomialLR as PolynomialLR,
    StepLR as StepLR,
)
from functrans.torch.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
