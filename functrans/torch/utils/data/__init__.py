"""Data sets, samplers and loaders, as PyTorch has them under ``torch.utils.data``."""

from typing import Any

from functrans.torch.tensor import UnsupportedError
from functrans.torch.utils.data.collating import (
    default_collate as default_collate,
    default_convert as default_convert,
)
from functrans.torch.utils.data.dataloader import DataLoader as DataLoader
from functrans.torch.utils.data.dataset import (
    ChainDataset as ChainDataset,
    ConcatDataset as ConcatDataset,
    Dataset as Dataset,
    IterableDataset as IterableDataset,
    StackDataset as StackDataset,
    Subset as Subset,
    TensorDataset as TensorDataset,
    random_split as random_split,
)
from functrans.torch.utils.data.sampler import (
    BatchSampler as BatchSampler,
    RandomSampler as RandomSampler,
    Sampler as Sampler,
    SequentialSampler as SequentialSampler,
    SubsetRandomSampler as SubsetRandomSampler,
    WeightedRandomSampler as WeightedRandomSampler,
)
from functrans.torch.utils.data.workers import get_worker_info as get_worker_info


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch.utils.data' has no attribute {name!r}")
    raise UnsupportedError(f"torch.utils.data.{name} is not supported by functrans.torch")
