"""Sources of random numbers, their states, and what they give inside ``vmap``."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from functrans.core.generators import TracedGenerator
from functrans.core.interpreter import Interpreter, stack
from functrans.torch.devices import CPU, check_device, device as Device
from functrans.torch.tensor import Tensor, wrap
from functrans.transforms.batching import Batch, BatchArray
from functrans.transforms.staging import Stage

_STATE_BYTES = 16


class Generator:
    """A source of random numbers.

    The numbers are those of NumPy's PCG64, not those of PyTorch.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> g = torch.Generator().manual_seed(3)
    >>> state = g.get_state()
    >>> first = torch.rand(2, generator=g)
    >>> bool((torch.rand(2, generator=g.set_state(state)) == first).all())
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        check_device(device)
        self.manual_seed(0)

    @property
    def device(self) -> Device:
        return CPU

    def manual_seed(self, seed: int) -> Generator:
        """Start over from a seed."""
        self._seed = int(seed) % 2**64
        self.source = np.random.default_rng(self._seed)
        return self

    def seed(self) -> int:
        """Start over from a seed that the system chooses, and return it."""
        self.manual_seed(int(np.random.SeedSequence().entropy) % 2**64)  # type: ignore[arg-type]
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the numbers started from."""
        return self._seed

    def get_state(self) -> Tensor:
        """Where the numbers stand, as a tensor of bytes."""
        state: Any = self.source.bit_generator.state
        parts = (
            *(state["state"]["state"], state["state"]["inc"], self._seed),
            *(state["has_uint32"], state["uinteger"]),
        )
        content = b"".join(int(n).to_bytes(_STATE_BYTES, "little") for n in parts)
        return wrap(np.frombuffer(content, np.uint8).copy())

    def set_state(self, new_state: Tensor) -> Generator:
        """Go to where the numbers stood.

        Raises
        ------
        RuntimeError
            The tensor is no such state.
        """
        content = new_state.numpy_memory().tobytes()
        if new_state.array.dtype != np.uint8 or len(content) != 5 * _STATE_BYTES:
            raise RuntimeError("RNG state is wrong size: it must be what get_state() returned")
        state, inc, self._seed, has, last = (
            int.from_bytes(content[i : i + _STATE_BYTES], "little")
            for i in range(0, len(content), _STATE_BYTES)
        )
        self.source.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": inc},
            "has_uint32": has,
            "uinteger": last,
        }
        return self

    def clone_state(self) -> Generator:
        """Another source that stands at the same place."""
        return Generator().set_state(self.get_state())

    def __getstate__(self) -> Any:
        return self.get_state().tolist()

    def __setstate__(self, state: Any) -> None:
        self.manual_seed(0)
        self.set_state(wrap(np.array(state, np.uint8)))


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Start the default source of random numbers over from a seed.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.rand(2).shape
    torch.Size([2])
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default source over from a seed that the system chooses, and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default source started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Where the default source stands, as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Go to where the default source stood."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **options: Any) -> Iterator[None]:
    """Let the default source go on after a ``with`` block from where it stood before it."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)


# Inside transforms


class _Staged(threading.local):
    """What stands for generators in the program that this thread makes."""

    def __init__(self) -> None:
        self.inputs: dict[Generator, TracedGenerator] = {}


staged = _Staged()

_randomness: weakref.WeakKeyDictionary[Interpreter, str] = weakref.WeakKeyDictionary()


def lanes_draw(batch: Interpreter, randomness: str) -> None:
    """Say whether the lanes of a batch draw numbers of their own ("different"), "same" ones, or
    none ("error")."""
    _randomness[batch] = randomness


def source(generator: Generator | None) -> Any:
    """What draws numbers where this is called.

    Raises
    ------
    RandomnessError
        At the first draw in a program that is staged and does not have the generator as input.
    RuntimeError
        A vmap is running that was not told what its lanes should draw.
    """
    generator = generator or default_generator
    rng: Any = generator.source
    batches = []
    top = stack.top
    while top is not None:
        if isinstance(top, Stage):
            rng = staged.inputs.get(generator) or TracedGenerator(rng)
            break
        if isinstance(top, Batch):
            randomness = _randomness.get(top, "error")
            if randomness == "error":
                raise RuntimeError(
                    "vmap: called random operation while in randomness error mode. Please either "
                    "use the 'same' or 'different' randomness flags on vmap or perform the "
                    "randomness operation out of vmap"
                )
            if randomness == "different":
                batches.append(top)
        top = top.parent
    return LaneSource(rng, batches) if batches else rng


class LaneSource:
    """Draws other numbers for each lane of the running batches; innermost first."""

    def __init__(self, rng: np.random.Generator, batches: list[Batch]) -> None:
        self.rng = rng
        self.batches = batches

    def _drawn(self, draw: Callable[[Any], Any], size: Any) -> Any:
        shape = () if size is None else (size,) if isinstance(size, int) else tuple(size)
        lanes = tuple(b.size for b in reversed(self.batches))
        values: Any = draw((*lanes, *shape))
        for batch in reversed(self.batches):
            values = BatchArray(batch, values)
        return values

    def random(self, size: Any = None) -> Any:
        return self._drawn(lambda shape: self.rng.random(shape), size)

    def standard_normal(self, size: Any = None) -> Any:
        return self._drawn(lambda shape: self.rng.standard_normal(shape), size)

    def integers(self, low: Any, high: Any = None, size: Any = None) -> Any:
        return self._drawn(lambda shape: self.rng.integers(low, high, shape), size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        return self._drawn(lambda shape: self.rng.uniform(low, high, shape), size)

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        return self._drawn(lambda shape: self.rng.normal(loc, scale, shape), size)

    def exponential(self, scale: Any = 1.0, size: Any = None) -> Any:
        return self._drawn(lambda shape: self.rng.exponential(scale, shape), size)

    def gumbel(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        return self._drawn(lambda shape: self.rng.gumbel(loc, scale, shape), size)

    def permutation(self, n: int) -> Any:
        return self._drawn(
            lambda shape: self.rng.permuted(np.broadcast_to(np.arange(n), shape), axis=-1), n
        )
