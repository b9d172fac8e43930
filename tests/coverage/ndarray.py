"""The methods and attributes of ndarray."""

from __future__ import annotations

from functrans.core.errors import InPlaceError
from tests.coverage.rows import Row, apart, refused, several, works, zero

STEP = "piecewise constant"
TRUTH = "true or false"
WHOLE = "a function of integers"
PLACES = "positions"
OBJECT = "Python's own, of every object"
SHAPE = "a question about type and shape"
VALUE = "its value is not known, or its derivative would be lost"
MEMORY = "traced arrays have no memory of their own"
WRITES = "the memory of a traced array is not its own"
PROTOCOL = "how NumPy hands over to traced arrays"


def compared(sign: str) -> Row:
    return zero(TRUTH, {f"x {sign} y": "v w A A2", f"x {sign} 0.5": "v"})


def of_integers(*calls: str) -> Row:
    return zero(WHOLE, dict.fromkeys(calls, "n m"))


def in_place(sign: str, arrays: str, of_whole: bool = False) -> Row:
    """An operator that writes its result into its first operand."""
    calls = {f"after(x, 'b {sign} y', y=y)": arrays}
    return zero(WHOLE, calls) if of_whole else works(calls)


def kept(calls: dict[str, str]) -> Row:
    """A conversion that would take the value out of the transform."""
    return refused(VALUE, calls, match="derivative would be lost|may have another value|not known")


ROWS: dict[str, Row] = {
    # operators
    "__add__": works({"x + y": "v w A s z z2", "x + 1": "v", "x + [1.0, 2, 3]": "u"}),
    "__radd__": works({"1 + x": "v", "np.ones(3) + x": "u", "[1.0, 2, 3] + x": "u"}),
    "__sub__": works({"x - y": "v w z z2"}),
    "__rsub__": works({"1 - x": "v z"}),
    "__mul__": works({"x * y": "v w z z2"}),
    "__rmul__": works({"2 * x": "v z"}),
    "__truediv__": works({"x / y": "v w z z2"}),
    "__rtruediv__": works({"2 / x": "v z"}),
    "__floordiv__": zero(STEP, {"x // y": "v w n m"}),
    "__rfloordiv__": zero(STEP, {"2.3 // x": "v"}),
    "__mod__": works({"x % y": "v w", "x % 0.7": "v"}),
    "__rmod__": works({"2.3 % x": "v"}),
    "__divmod__": works({"divmod(x, y)": "v w"}),
    "__rdivmod__": works({"divmod(2.3, x)": "v"}),
    "__pow__": works({"x ** y": "p v", "x ** 3": "v z", "x ** 0.5": "p", "x ** -1": "v"}),
    "__rpow__": works({"2.0 ** x": "v z"}),
    "__matmul__": works({"x @ y": "A B u Q v w"}),
    "__rmatmul__": works({"np.ones((2, 3)) @ x": "A"}),
    "__neg__": works({"-x": "v z"}),
    "__pos__": works({"+x": "v z"}),
    "__abs__": works({"abs(x)": "v z"}),
    "__invert__": zero(WHOLE, {"~x": "n b"}),
    "__and__": of_integers("x & y"),
    "__rand__": of_integers("6 & x"),
    "__or__": of_integers("x | y"),
    "__ror__": of_integers("6 | x"),
    "__xor__": of_integers("x ^ y"),
    "__rxor__": of_integers("6 ^ x"),
    "__lshift__": of_integers("x << y"),
    "__rlshift__": of_integers("6 << x"),
    "__rshift__": of_integers("x >> y"),
    "__rrshift__": of_integers("64 >> x"),
    "__eq__": compared("=="),
    "__ne__": compared("!="),
    "__lt__": compared("<"),
    "__le__": compared("<="),
    "__gt__": compared(">"),
    "__ge__": compared(">="),
    "__contains__": zero(TRUTH, {}, by_value={"0.5 in x": "v"}),
    # the operators that write
    "__iadd__": in_place("+=", "v w z z2"),
    "__isub__": in_place("-=", "v w"),
    "__imul__": in_place("*=", "v w z z2"),
    "__itruediv__": in_place("/=", "v w"),
    "__imod__": in_place("%=", "v w"),
    "__ipow__": in_place("**=", "p w"),
    "__imatmul__": in_place("@=", "A A.T@A Q M"),
    "__ifloordiv__": in_place("//=", "n m", True),
    "__iand__": in_place("&=", "n m", True),
    "__ior__": in_place("|=", "n m", True),
    "__ixor__": in_place("^=", "n m", True),
    "__ilshift__": in_place("<<=", "n m", True),
    "__irshift__": in_place(">>=", "n m", True),
    # elements
    "__getitem__": works(
        {
            "x[1]": "v A",
            "x[..., None, ::-1]": "A",
            "x[1:, [0, 2]]": "A",
            "x[[[0, 1], [2, 0]]]": "v",
            "x[np.arange(3), :, [0, 1, 0]]": "np.ones((3,2,2))*A[:,:2,None]",
            "x[np.array([True, False, True])]": "A",
            "x[y]": "v n",
        },
        by_value={"x[x > 0]": "v A"},
    ),
    "__setitem__": works(
        {
            "after(x, 'b[0] = 1.0')": "v",
            "after(x, 'b[1:, ::2] = y', y=y)": "A t A A2[:2,:2]",
            "after(x, 'b[[0, 2]] = y', y=y)": "A v[:4]",
            "after(x, 'b[b > 0] = y', y=y)": "A t",
            "after(x, 'b.T[0] += y', y=y)": "A u",
        }
    ),
    "__delitem__": refused("cannot delete array elements", {"x.__delitem__(0)": "v"}, ValueError),
    "__iter__": works({"np.stack([t * t for t in x])": "v A"}),
    "__len__": apart(SHAPE, {"len(x)": "v A"}),
    "item": kept({"x.item()": "s", "x.item(0)": "v"}),
    "tolist": kept({"x.tolist()": "v"}),
    "flat": works({"np.stack([t * t for t in x.flat])": "A", "x.flat[3]": "A", "x.flat[1:5]": "A"}),
    "take": works({"x.take([0, 2, 0])": "v A", "x.take([[1, -1]], axis=1)": "A"}),
    "compress": works({"x.compress([True, False, True], axis=0)": "A"}),
    "choose": works({"np.array([1, 0, 1, 0, 1]).choose([1, 2]) * x": "v"}),
    "diagonal": works({"x.diagonal(1)": "A", "x.diagonal(-1, 2, 0)": "C"}),
    "nonzero": zero(PLACES, {}, by_value={"x.nonzero()": "v n"}),
    # shapes
    "shape": apart(SHAPE, {"x.shape": "A"}),
    "ndim": apart(SHAPE, {"x.ndim": "A"}),
    "size": apart(SHAPE, {"x.size": "A"}),
    "dtype": apart(SHAPE, {"x.dtype": "A Z"}),
    "itemsize": apart(SHAPE, {"x.itemsize": "A"}),
    "nbytes": apart(SHAPE, {"x.nbytes": "A"}),
    "device": apart(SHAPE, {"x.device": "A"}),
    "T": works({"x.T": "A C"}),
    "mT": works({"x.mT": "A C"}),
    "real": works({"x.real": "v z"}),
    "imag": works({"x.imag": "z"}),
    "reshape": works({"x.reshape(4, 3)": "A", "x.reshape((2, -1), order='F')": "A"}),
    "ravel": works({"x.ravel()": "A", "x.ravel('F')": "A"}),
    "flatten": works({"x.flatten()": "A", "x.flatten('F')": "A"}),
    "transpose": works(
        {"x.transpose()": "A", "x.transpose(1, 2, 0)": "C", "x.transpose((1, 0))": "A"}
    ),
    "swapaxes": works({"x.swapaxes(0, 1)": "A"}),
    "squeeze": works({"x[None].squeeze()": "v", "x[None].squeeze(axis=0)": "v"}),
    "repeat": works({"x.repeat(2)": "v", "x.repeat([1, 0, 2], axis=0)": "A"}),
    # reductions
    "sum": works(
        {"x.sum()": "v", "x.sum(axis=(0, 1), keepdims=True)": "A", "x.sum(0, np.float32)": "A"}
    ),
    "prod": works({"x.prod(axis=1)": "A"}),
    "max": works({"x.max()": "v", "x.max(axis=1, initial=0.3)": "A"}),
    "min": works({"x.min(axis=0, keepdims=True)": "A"}),
    "mean": works({"x.mean()": "v", "x.mean(axis=1, where=[True, False, True, True])": "A"}),
    "var": works({"x.var(axis=1, ddof=1)": "A"}),
    "std": works({"x.std()": "v", "x.std(axis=0, ddof=1)": "A"}),
    "cumsum": works({"x.cumsum()": "A", "x.cumsum(axis=0)": "A"}),
    "cumprod": works({"x.cumprod(1)": "A"}),
    "trace": works({"x.trace()": "A", "x.trace(1)": "A"}),
    "dot": works({"x.dot([1.0, 2, 3, 4])": "A"}),
    "all": zero(TRUTH, {"x.all()": "v", "x.all(axis=0)": "A"}),
    "any": zero(TRUTH, {"x.any()": "v", "x.any(axis=0, keepdims=True)": "A"}),
    "argmax": zero(PLACES, {"x.argmax()": "A", "x.argmax(axis=1, keepdims=True)": "A"}),
    "argmin": zero(PLACES, {"x.argmin(0)": "A"}),
    "argsort": zero(PLACES, {"x.argsort(axis=0)": "A"}),
    "argpartition": zero(PLACES, {"x.argpartition(0)[:1]": "v"}),
    "searchsorted": zero(PLACES, {"x.searchsorted(y)": "S v", "x.searchsorted(0.1, 'right')": "S"}),
    # elementwise
    "astype": works({"x.astype(np.float32)": "v", "x.astype(complex, copy=False)": "v"}),
    "clip": works({"x.clip(-1, 1)": "v", "x.clip(min=y)": "v w", "x.clip(max=0.4)": "v"}),
    "conj": works({"x.conj()": "v z"}),
    "conjugate": works({"x.conjugate()": "z"}),
    "round": zero(STEP, {"x.round(1)": "v", "x.round()": "v"}),
    "copy": works({"x.copy()": "v", "x.copy(order='F')": "A"}),
    "__copy__": works({"copy.copy(x)": "v"}),
    "__deepcopy__": works({"copy.deepcopy([x])": "v"}),
    "to_device": works({"x.to_device('cpu')": "v"}),
    "byteswap": refused(WRITES, {"x.byteswap()": "v"}, InPlaceError),
    "view": kept({"x.view(np.int64)": "v"}),
    "getfield": refused(MEMORY, {"x.getfield(np.int32)": "v"}, AttributeError),
    # Python
    "__bool__": zero(TRUTH, {}, by_value={"bool(x)": "s"}),
    "__int__": zero(STEP, {}, by_value={"int(x)": "s"}),
    "__index__": zero(STEP, {}, by_value={"[5, 6, 7, 8][x]": "n[0]"}),
    "__float__": kept({"float(x)": "s"}),
    "__complex__": kept({"complex(x)": "s"}),
    "__repr__": apart("text", {"type(repr(x))": "v"}),
    "__str__": apart("text", {"type(str(x))": "v"}),
    "__format__": apart("text", {"type(f'{x}')": "v"}),
    "__hash__": refused("arrays cannot be hashed", {"hash(x)": "v"}, TypeError, "hash"),
    "__array_priority__": apart(PROTOCOL),
    "__array_ufunc__": apart(PROTOCOL),
    "__array_function__": apart(PROTOCOL),
    "__array_namespace__": apart(PROTOCOL, {"x.__array_namespace__() is not None": "v"}),
    "__array_finalize__": apart("a hook of subclasses"),
    "__array_wrap__": apart("a hook of subclasses"),
    "__array__": kept({"np.asarray(x)": "v A"}),
    "__array_interface__": refused(MEMORY, {"x.__array_interface__": "v"}, AttributeError),
    "__array_struct__": refused(MEMORY, {"x.__array_struct__": "v"}, AttributeError),
    "__dlpack__": kept({"x.__dlpack__()": "v"}),
    "__dlpack_device__": kept({"x.__dlpack_device__()": "v"}),
    "__reduce__": refused(
        "it lives only while a transform runs", {"pickle.dumps(x)": "v"}, TypeError, "lives only"
    ),
    "__reduce_ex__": refused(
        "it lives only while a transform runs", {"pickle.dumps(x)": "v"}, TypeError, "lives only"
    ),
    "__getstate__": apart(OBJECT),
    "__setstate__": refused(
        "traced arrays are not pickled", {"x.__setstate__(())": "v"}, AttributeError, "__setstate__"
    ),
    "__class_getitem__": apart("a hint for type checkers"),
    **several(
        "__class__ __delattr__ __dir__ __doc__ __getattribute__ __init__ "
        "__init_subclass__ __new__ __setattr__ __sizeof__ __subclasshook__",
        apart(OBJECT),
    ),
    # until NumPy 2.0
    **several(
        "itemset newbyteorder ptp tostring",
        refused(
            "a method that NumPy has no longer",
            {"x.itemset(0)": "v", "x.ptp()": "v"},
            AttributeError,
            "no attribute|removed",
        ),
    ),
    # memory
    "base": refused(MEMORY, {"x.base": "v"}, AttributeError),
    "ctypes": refused(MEMORY, {"x.ctypes": "v"}, AttributeError),
    "data": refused(MEMORY, {"x.data": "v"}, AttributeError),
    "flags": refused(MEMORY, {"x.flags": "v"}, AttributeError),
    "strides": refused(MEMORY, {"x.strides": "v"}, AttributeError),
    "tobytes": kept({"x.tobytes()": "v"}),
    "tofile": kept({"x.tofile('no file')": "v"}),
    "dump": kept({"x.dump('no file')": "v"}),
    "dumps": kept({"x.dumps()": "v"}),
    # writing
    "sort": works({"after(x, 'b.sort()')": "v A", "after(x, 'b.sort(axis=0)')": "A"}),
    "partition": works({"after(x, 'b.partition(1)')": "v"}),
    "fill": works({"after(x, 'b.fill(y)', y=y)": "v t"}),
    "put": works({"after(x, 'b.put([0, 2], y)', y=y)": "v t"}),
    "resize": refused(WRITES, {"x.resize(7)": "v"}, InPlaceError),
    "setfield": refused(WRITES, {"x.setfield(1.0, float)": "v"}, InPlaceError),
    "setflags": refused(WRITES, {"x.setflags(write=False)": "v"}, InPlaceError),
}
