"""The traced array: what stands in for an ndarray inside a transformed function.

It owns NumPy's override protocols and refuses what would lose a derivative. Its operators and
methods are attached by ``functrans.numpy``, which also fills the tables of NumPy functions.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np

from functrans.core.errors import (
    ConversionError,
    InPlaceError,
    LeakedArrayError,
    OperandError,
    PlainArrayError,
    describe_function,
    missing_rule,
    user_line,
)
from functrans.core.explain import (
    SIZES,
    STORED,
    array_remedy,
    asked_by,
    from_masked_array,
    number_remedy,
    stores,
    whole_remedy,
)
from functrans.core.interpreter import is_active, stack
from functrans.core.places import Place
from functrans.core.primitive import BY_UFUNC
from functrans.core.types import (
    OPERANDS,
    PERHAPS_WEAK,
    PYTHON_TYPES,
    WEAK,
    ArrayType,
    dtype_of,
    is_weak,
    shape_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from functrans.core.types import Shape

T = TypeVar("T")

UFUNCS: dict[Any, Callable[..., Any]] = {}
"""What carries out ``ufunc(*inputs)`` on traced arrays."""

FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""What carries out each function of NumPy's ``__array_function__`` protocol."""

REFUSALS: dict[Any, Callable[[], Exception]] = {}
"""The error for a function of the protocol that takes no traced arrays for a reason of its own."""

_NO_PARAMS: dict[str, Any] = {}

_LENGTHS = frozenset(
    ("arange", "linspace", "eye", "identity", "tri", "zeros", "ones", "empty", "pad", "repeat")
    + ("partition", "argpartition", "sliding_window_view")
)
"""Functions of NumPy whose numbers say how long something is, or how far."""


class TracedArray:
    """An array of one interpreter; behaves like the ndarray that it stands for.

    The object that user code holds is a handle: writing to it gives it another content
    (:meth:`become`), and never changes a content that an interpreter keeps. So no interpreter
    keeps an object that user code holds: what it keeps of one is a :func:`snapshot`.
    """

    __slots__ = ("__weakref__", "interpreter", "place")

    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]
    ufunc_call: Callable[..., Any]
    """Carries out ufunc methods and keyword arguments; attached by ``functrans.numpy``."""
    numpys_error: Callable[..., Exception]
    """What NumPy raises for a call that has failed; attached in the same way."""
    copy: Callable[[], Any]
    """The method, attached with all others by ``functrans.numpy``."""

    interpreter: Any  # an Interpreter; each subclass has its own
    place: Any
    """How it shares elements with other arrays (see ``functrans.numpy.views``); None at first."""

    def __init_subclass__(cls, below: str = "") -> None:
        OPERANDS.add(cls)
        PERHAPS_WEAK.add(cls)
        if below:  # the slot itself: each operator asks for it, and a property is slow
            cls.underlying = vars(cls)[below]  # type: ignore[method-assign]

    # What each interpreter says of its arrays.

    @property
    def shape(self) -> Shape:
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype[Any]:
        raise NotImplementedError

    @property
    def weak(self) -> bool:
        """Whether it stands for a Python number, which takes the dtype of what it meets."""
        return False

    def number(self) -> Any:
        """The same value as a Python number: what an operator among Python numbers has made, and
        nobody holds yet."""
        return self

    def concrete(self, wanted: str) -> Any:
        """The plain value under all transforms, for printing and for Python's ``if``."""
        raise NotImplementedError

    def truths(self) -> Any:
        """Which elements are true, where Python may be told although no transform below knows; None
        where it may not."""
        return None

    @property
    def underlying(self) -> Any:
        """The value that stands for this array one transform below; None if it is not known."""
        raise NotImplementedError

    def snapshot(self) -> Any:
        """Another handle to the present content."""
        raise NotImplementedError

    def result(self) -> Any:
        """What stands for this array where a plain one was expected as the result of a transform
        of plain arrays."""
        return self.snapshot()

    def duplicate(self) -> Any:
        """Another array with a content of its own, down to the memory."""
        raise NotImplementedError

    def release(self) -> None:
        """Let go of the content, so that it is not held; until :meth:`become` there is none."""
        raise NotImplementedError

    def become(self, content: Any) -> None:
        """Take over the content of another array of my interpreter, or a constant to it."""
        raise NotImplementedError

    # What follows from shape and dtype.

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The type of what this array stands for, so that ``isinstance`` sends user code the way it
        goes without a transform."""
        if self.is_ndarray:
            return np.ndarray
        value = self.underlying
        if value is not None and not shape_of(value):
            return value.__class__
        return PYTHON_TYPES[self.dtype.kind] if self.weak else self.dtype.type

    @property
    def is_ndarray(self) -> bool:
        """Whether it stands for an ndarray, which can be written to, and not for a scalar.

        Without axes the value tells it; where that is not known, that it was made as an array. What
        else there is, lanes of a batch and results of operations, passes for scalars.
        """
        if self.shape:
            return True
        value: Any = self
        while isinstance(value, TracedArray):
            if value.place is not None:
                return True
            if not value.interpreter.values_known:
                return False
            value = value.underlying
        return isinstance(value, np.ndarray)

    @property
    def type(self) -> ArrayType:
        """Shape and dtype."""
        return ArrayType(self.shape, self.dtype)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))  # type: ignore[index]

    # NumPy's protocols.

    def __array_ufunc__(self, ufunc: Any, method: str, x: Any, *more: Any, **kwargs: Any) -> Any:
        interpreter = self.interpreter
        if stack.top is not interpreter:
            self.check_active()
            interpreter = stack.top or interpreter
        if method != "__call__" or kwargs:
            return TracedArray.ufunc_call(ufunc, method, (x, *more), kwargs)
        if ufunc in BY_UFUNC:
            primitive = BY_UFUNC[ufunc]
            if not more:
                return interpreter.unary(primitive, x)
            inputs = (x, *more)
            if OPERANDS.issuperset(map(type, inputs)):
                if len(inputs) == 2:
                    return interpreter.binary(primitive, *inputs)
                return interpreter.process(primitive, inputs, _NO_PARAMS)
            if any(hasattr(y, "takes_traced") for y in inputs):
                return NotImplemented
        if ufunc in UFUNCS:
            return UFUNCS[ufunc](x, *more)
        return TracedArray.ufunc_call(ufunc, method, (x, *more), kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if stack.top is not self.interpreter:
            self.check_active()
        call = FUNCTIONS.get(func)
        if call is None:
            if func in REFUSALS:
                raise REFUSALS[func]()
            raise missing_rule(f"{func.__module__}.{func.__name__}")
        try:
            return call(*args, **kwargs)
        except Exception as error:
            own = TracedArray.numpys_error(func, args, kwargs, error)
            if own is error:
                raise
            raise own from None

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        self.check_active()
        if stores():
            self.refuse_storing()
        if from_masked_array():
            raise OperandError(
                f"{self.what} cannot be combined with a masked array, at {user_line()}: the mask "
                "would be lost. Write numpy.where(mask, x, y)."
            )
        if self.dtype.kind not in "fc":
            text, called = asked_by(self.interpreter)
            if called in _LENGTHS:
                raise ConversionError(
                    f"{self.what} cannot be a length or a bound (of {text}), at {user_line()}: "
                    f"{self.interpreter.lost}. {SIZES}{self.origin}"
                )
            remedy = whole_remedy(text, called)
            raise ConversionError(
                f"{self.what} cannot become a plain ndarray (by numpy.asarray or as an index into "
                f"one), at {user_line()}: its values are not known here. {remedy}.{self.origin}"
            )
        text, called = asked_by(self.interpreter)
        how = text or "numpy.asarray, by storing it into an ndarray, or from a list"
        self.refuse_conversion(f"a plain ndarray (by {how})", array_remedy(text, called))

    # Python's conversions.

    def check_active(self) -> None:
        """Raise unless this array's interpreter is on the current stack."""
        interpreter = self.interpreter
        if is_active(interpreter):
            return
        what = f"{self.type} of {interpreter.transform}({describe_function(interpreter.function)})"
        born = self.birth()
        if not interpreter.closed and interpreter.thread != threading.get_ident():
            raise LeakedArrayError(
                f"a traced array, {what}{born}, was used in another thread, at {user_line()}. "
                "Transforms are "
                "local to a thread: call the transform inside the thread."
            )
        if not interpreter.closed:
            raise LeakedArrayError(
                f"a traced array, {what}{born}, was used at {user_line()} inside a function with "
                "rules of its own "
                "(functrans.custom) or inside a rule, which sees only its arguments. Pass it as "
                "an argument."
            )
        raise LeakedArrayError(
            f"a traced array, {what}{born}, was used after its transform had ended, at "
            f"{user_line()}. "
            "Return the value from the transformed function (has_aux=True) instead of storing it."
        )

    def birth(self) -> str:
        """Where this array came from, as far as its interpreter knows (starts with a comma)."""
        return ""

    def check_constant(self, content: Any) -> None:
        """Raise if my interpreter ends before that of `content`, which so cannot be mine."""
        if not isinstance(content, TracedArray):
            return
        above = self.interpreter.parent
        while above is not None:
            if above is content.interpreter:
                return
            above = above.parent
        raise InPlaceError(
            f"{content.what} cannot be stored into {self.what}, at {user_line()}: the array is "
            "from outside that transform and outlives it. Write into a copy that the inner "
            "function makes (y = y.copy()), and return it."
        )

    @property
    def origin(self) -> str:
        """Where this array came from as a sentence of its own, empty if nothing is known."""
        born = self.birth()
        return f" The value is{born[1:]}." if born else ""

    @property
    def what(self) -> str:
        """Type and transform, for messages."""
        name = describe_function(self.interpreter.function)
        return f"a traced {self.type} of {self.interpreter.transform}({name})"

    def refuse_storing(self) -> NoReturn:
        if self.dtype.kind not in "fc":
            raise PlainArrayError(
                f"{self.what} cannot be an index into a plain ndarray that is written to, nor be "
                f"stored into one, at {user_line()}: {self.interpreter.lost}. For a mask write "
                f"y = numpy.where(mask, value, y). {STORED}.{self.origin}"
            )
        raise PlainArrayError(
            f"{self.what} cannot be stored into a plain ndarray, at {user_line()}: "
            f"{self.interpreter.lost}. {STORED}.{self.origin}"
        )

    def refuse_conversion(self, wanted: str, remedy: str) -> NoReturn:
        who = self.interpreter
        if who.values_known:
            remedy += ", or apply functrans.stop_gradient first if no derivative is wanted"
        raise ConversionError(
            f"{self.what} cannot become {wanted}, at {user_line()}: {who.lost}. Instead {remedy}."
            f"{self.origin}"
        )

    def __bool__(self) -> bool:
        return bool(self.concrete("bool"))

    def __int__(self) -> int:
        return int(self.concrete("int"))

    def __index__(self) -> int:
        if self.dtype.kind in "fc":
            text, _ = asked_by(self.interpreter)
            raise ConversionError(
                f"{self.what} cannot become an integer (by {text or 'range, an index or a slice'}),"
                f" at {user_line()}: an index or a length has no derivative. Write int(x) where a "
                "constant integer is meant."
            )
        return self.concrete("index").__index__()  # type: ignore[no-any-return]

    def __float__(self) -> NoReturn:
        if stores():
            self.refuse_storing()
        text, called = asked_by(self.interpreter)
        how = text or "float() or a function of math"
        self.refuse_conversion(f"a Python float (by {how})", number_remedy(text, called))

    def __complex__(self) -> NoReturn:
        self.refuse_conversion(
            "a Python complex (by complex() or a function of cmath)",
            "use NumPy operations (x + 1j * y)",
        )

    def item(self, *args: Any) -> NoReturn:
        self.refuse_conversion("a Python number (by item())", "keep it as an array")

    def tolist(self) -> NoReturn:
        self.refuse_conversion("a list (by tolist())", "iterate over the array")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise ConversionError(
            f"a traced {self.type} cannot be pickled: it lives only while "
            f"{self.interpreter.transform}({describe_function(self.interpreter.function)}) runs. "
            "Pickle the value that the transformed function returns, or functrans.stop_gradient(x)."
        )

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __repr__(self) -> str:
        return f"<traced {self.type} of {self.interpreter.transform}{self.describe_value()}>"

    def __str__(self) -> str:
        return repr(self)

    def describe_value(self) -> str:
        """The value for printing, starting with a comma; empty where there is none."""
        return f", value {self.concrete('value')!r}"

    def __format__(self, spec: str) -> str:
        return format(self.concrete("formatted number"), spec) if spec else str(self)


class Likeness(TracedArray):
    """A traced array that has the type of the value below it, with something besides: a tangent, a
    place on a tape."""

    __slots__ = ()

    @property
    def shape(self) -> Shape:
        return shape_of(self.underlying)

    @property
    def dtype(self) -> np.dtype[Any]:
        return dtype_of(self.underlying)

    @property
    def weak(self) -> bool:
        return is_weak(self.underlying)

    def number(self) -> Self:
        # The slot itself.
        self.underlying = python_number(self.underlying)  # type: ignore[misc]  # pyright: ignore
        return self

    def concrete(self, wanted: str) -> Any:
        value = self.underlying
        return value.concrete(wanted) if isinstance(value, TracedArray) else value


def snapshot(x: Any) -> Any:
    """A value as it is now, whatever its holder writes into the array later."""
    return own_handle(x) if isinstance(x, TracedArray) else duplicate(x)


def duplicate(x: Any) -> Any:
    """A copy that shares no memory."""
    if type(x) is np.ndarray:
        return x.copy(order="K")
    return x.duplicate() if isinstance(x, TracedArray) else x


def python_number(x: Any) -> Any:
    """A value without axes as a Python number, traced or not."""
    return x.number() if isinstance(x, TracedArray) else x if type(x) in WEAK else x.item()


def own_handle(x: Any) -> Any:
    """The value in a handle that no user code holds; an ndarray as it is."""
    if not isinstance(x, TracedArray):
        return x
    return x.snapshot() if x.place is None else array_of_its_own(x.snapshot())


def array_of_its_own(x: T) -> T:
    """A new value, of which is noted, if it has no axes, that it is an array and not a scalar."""
    if isinstance(x, TracedArray) and not x.shape and x.place is None:
        x.place = Place()
    return x


def as_what(new: T, x: Any) -> T:
    """A new value in the class of `x`: an array without axes if that is one."""
    return array_of_its_own(new) if isinstance(x, np.ndarray) else new


def for_reading(x: Any) -> Any:
    """A content as user code with rules of its own may see it: not to be changed by writing."""
    if type(x) is np.ndarray:
        x = x.view()
        x.flags.writeable = False
        return x
    return own_handle(x)
