"""NumPy's names over PyTorch or functrans.torch, for expressions that are run with both."""

from collections.abc import Callable
from typing import Any

import numpy as np


def names_over(torch: Any) -> tuple[Any, Any]:
    """What stands for ``np`` and for ``ft`` in an expression that is run with `torch`."""

    def tensor_of(x: Any, like: Any) -> Any:
        return torch.as_tensor(x, dtype=like.dtype)

    class Linalg:
        det = staticmethod(torch.linalg.det)
        eigvalsh = staticmethod(torch.linalg.eigvalsh)
        cond = staticmethod(torch.linalg.cond)
        pinv = staticmethod(torch.linalg.pinv)
        slogdet = staticmethod(torch.linalg.slogdet)

        @staticmethod
        def norm(x: Any, ord: Any = None) -> Any:
            return torch.linalg.norm(x, ord)

    class Np:
        """What NumPy calls otherwise; every other name is PyTorch's own."""

        linalg = Linalg
        inf = np.inf
        max = staticmethod(torch.amax)

        def __getattr__(self, name: str) -> Any:
            return getattr(torch, name)

        @staticmethod
        def maximum(x: Any, y: Any) -> Any:
            return torch.maximum(x, tensor_of(y, x))

        @staticmethod
        def cumprod(x: Any) -> Any:
            return torch.cumprod(x, 0)

        @staticmethod
        def heaviside(x: Any, y: Any) -> Any:
            return torch.heaviside(x, tensor_of(y, x))

        @staticmethod
        def sort(x: Any) -> Any:
            return torch.sort(x).values

        @staticmethod
        def std(x: Any) -> Any:
            return torch.std(x, correction=0)

        @staticmethod
        def var(x: Any) -> Any:
            return torch.var(x, correction=0)

    class Ft:
        """The names of functrans that the expressions use."""

        @staticmethod
        def grad(f: Callable[..., Any]) -> Callable[..., Any]:
            return lambda x: torch.autograd.grad(f(x), x, create_graph=True)[0]

        class numpy:
            @staticmethod
            def logsumexp(x: Any) -> Any:
                return torch.logsumexp(x, 0)

    return Np(), Ft
