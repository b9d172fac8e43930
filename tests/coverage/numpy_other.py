"""The names of numpy that are no functions of arrays of numbers, and those that store or print."""

from __future__ import annotations

from functrans.core.errors import ConversionError, MissingRuleError
from tests.coverage.rows import Row, apart, refused, several, works, zero

MODULE = "a module"
CONSTANT = "a constant"
DTYPE = "a scalar type; x.astype(dtype) converts traced arrays"
ABSTRACT = "a class of dtypes"
CLASS = "a class that holds plain arrays"
FROM_SHAPE = "an array made from numbers that are not traced"
SETTING = "a setting of NumPy"
TEXT = "text"
FILE = "it has no values to store while a transform runs"
DATES = "dates are no numbers"
BITS = "a function of integers"
PLAIN = "NumPy makes a plain array of its argument"
MEMORY = "it has no memory of its own"
PYTHON = "a Python function of elements; functrans.vmap applies one to each element"
ITERATES = "NumPy walks through the memory of its argument"
NO_ITERATOR = "nditer and nested_iters take no traced array"
NOT_PLAIN = r"cannot become a (plain ndarray|Python|numpy\.matrix)"
NO_RULE = (MissingRuleError, ConversionError)

_DTYPES = (
    "bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 "
    "complex64 complex128 byte short intc int_ long longlong intp ubyte ushort uintc uint ulong "
    "ulonglong uintp half single double longdouble csingle cdouble clongdouble float96 float128 "
    "complex192 complex256 "
)
_ABSTRACT = (
    "generic number integer signedinteger unsignedinteger inexact floating complexfloating "
    "character flexible "
)


def plain(calls: dict[str, str], instead: str = "") -> Row:
    """A name of which NumPy does not hand the arguments over."""
    return refused(f"{PLAIN}; {instead}" if instead else PLAIN, calls, match=NOT_PLAIN)


ROWS: dict[str, Row] = {
    # constants and modules
    **several(
        "e euler_gamma inf nan newaxis pi True_ False_ little_endian ScalarType "
        "sctypeDict typecodes index_exp s_",
        apart(CONSTANT),
    ),
    **several(
        "char core ctypeslib dtypes emath exceptions f2py fft lib linalg ma polynomial "
        "random rec strings testing typing",
        apart(MODULE),
    ),
    # types
    **{name: refused(DTYPE, {f"np.{name}(x)": "s"}, match=NOT_PLAIN) for name in _DTYPES.split()},
    **several(_ABSTRACT, apart(ABSTRACT, {"np.issubdtype(x.dtype, np.floating)": "v"})),
    **several("datetime64 timedelta64 busdaycalendar", apart(DATES)),
    **several("str_ bytes_ void object_ record dtype finfo iinfo errstate ufunc", apart("a class")),
    "ndarray": apart(CLASS, {"isinstance(x, np.ndarray)": "v"}),
    **several("recarray memmap flatiter", apart(CLASS)),
    "matrix": plain({"np.matrix(x)": "A"}),
    "asmatrix": plain({"np.asmatrix(x)": "A"}),
    "bmat": plain({"np.bmat([[x]])": "A"}),
    "vectorize": refused(
        PYTHON,
        {"np.vectorize(lambda t: t * t)(x)": "v"},
        (MissingRuleError, ConversionError),
        f"no rule|{NOT_PLAIN}",
    ),
    "nditer": refused(ITERATES, {"np.nditer(x)": "v"}, ConversionError, NO_ITERATOR),
    "nested_iters": refused(
        ITERATES, {"np.nested_iters(x, [[0], [1]])": "A"}, ConversionError, NO_ITERATOR
    ),
    "ndenumerate": plain({"list(np.ndenumerate(x))": "v"}, "enumerate(x.ravel()) does not"),
    "ndindex": apart("indices of a shape", {"list(np.ndindex(x.shape))": "A"}),
    "broadcast": plain({"np.broadcast(x, x)": "v"}, "numpy.broadcast_arrays does not"),
    "poly1d": works({"np.poly1d([1.0, 2.0, 3.0])(x)": "v"}),
    "c_": plain({"np.c_[x, x]": "v"}, "numpy.column_stack does not"),
    "r_": plain({"np.r_[x, x]": "v"}, "numpy.concatenate does not"),
    "mgrid": apart(FROM_SHAPE),
    "ogrid": apart(FROM_SHAPE),
    # arrays from shapes
    **several(
        "arange bartlett blackman diag_indices empty eye hamming hanning identity indices "
        "mask_indices ones tri tril_indices triu_indices zeros broadcast_shapes",
        apart(FROM_SHAPE),
    ),
    "kaiser": plain({"np.kaiser(5, x)": "t"}, "numpy.i0 makes the window of a traced beta"),
    "fromiter": refused(
        f"{PLAIN}; numpy.stack does not",
        {"np.fromiter([x, x], float)": "s"},
        (ConversionError, ValueError),
        "sequence|cannot become",
    ),
    **several(
        "frombuffer fromfile fromregex fromstring genfromtxt load loadtxt",
        apart("data that are not traced"),
    ),
    "frompyfunc": refused(
        PYTHON, {"np.frompyfunc(lambda t: t * t, 1, 1)(x)": "v"}, MissingRuleError, "no rule"
    ),
    # questions about type and shape
    "shape": apart("a shape", {"np.shape(x)": "A"}),
    "ndim": apart("a number of axes", {"np.ndim(x)": "A"}),
    "size": apart("a number of elements", {"np.size(x)": "A", "np.size(x, 1)": "A"}),
    "iscomplexobj": apart("a question about the dtype", {"np.iscomplexobj(x)": "A Z"}),
    "isrealobj": apart("a question about the dtype", {"np.isrealobj(x)": "A Z"}),
    "result_type": apart(
        "a dtype", {"np.result_type(x, np.float32)": "A", "np.result_type(x, 1j)": "A"}
    ),
    "can_cast": apart("a question about dtypes", {"np.can_cast(x.dtype, complex)": "A"}),
    "common_type": apart("a dtype", {"np.common_type(x, np.ones(2, np.float32))": "A"}),
    "min_scalar_type": apart("a dtype", {"np.min_scalar_type(x)": "A"}),
    "isscalar": apart("a question about the class", {"np.isscalar(x)": "A"}),
    "iterable": apart("a question about the class", {"np.iterable(x)": "A"}),
    **several(
        "promote_types isdtype issubdtype mintypecode typename",
        apart("a question about dtypes"),
    ),
    "isfortran": refused(
        MEMORY, {"np.isfortran(x)": "A"}, AttributeError, "no memory of their own"
    ),
    # text and files
    "array2string": apart(TEXT, {"type(np.array2string(x))": "v"}),
    "array_repr": apart(TEXT, {"type(np.array_repr(x))": "v"}),
    "array_str": apart(TEXT, {"type(np.array_str(x))": "v"}),
    "printoptions": apart(SETTING),
    **several("base_repr binary_repr", apart(TEXT)),
    "format_float_positional": refused(
        TEXT, {"np.format_float_positional(x)": "s"}, match=NOT_PLAIN
    ),
    "format_float_scientific": refused(
        TEXT, {"np.format_float_scientific(x)": "s"}, match=NOT_PLAIN
    ),
    "save": refused(FILE, {"np.save('no file', x)": "v"}),
    "savetxt": refused(FILE, {"np.savetxt('no file', x)": "v"}),
    "savez": refused(FILE, {"np.savez('no file', x)": "v"}),
    "savez_compressed": refused(FILE, {"np.savez_compressed('no file', x)": "v"}),
    **several(
        "get_include get_printoptions getbufsize geterr geterrcall info set_printoptions "
        "setbufsize seterr seterrcall show_config show_runtime test datetime_data",
        apart(SETTING),
    ),
    # dates, bits and memory
    "busday_count": refused(DATES, {"np.busday_count(x, x)": "v"}, NO_RULE),
    "busday_offset": refused(DATES, {"np.busday_offset(x, x)": "v"}, NO_RULE),
    "is_busday": refused(DATES, {"np.is_busday(x)": "v"}, NO_RULE),
    "datetime_as_string": refused(DATES, {"np.datetime_as_string(x)": "v"}, NO_RULE),
    "packbits": zero(
        BITS,
        {
            "np.packbits(x)": "b n",
            "np.packbits(x, axis=0, bitorder='little')": "i",
        },
    ),
    "unpackbits": zero(
        BITS,
        {
            "np.unpackbits(x)": "b.view(np.uint8)",
            "np.unpackbits(x, axis=1, count=-3, bitorder='little')": "i.astype(np.uint8)",
        },
    ),
    "may_share_memory": refused(MEMORY, {"np.may_share_memory(x, x)": "v"}, NO_RULE),
    "shares_memory": refused(MEMORY, {"np.shares_memory(x, x)": "v"}, NO_RULE),
    # writing
    "copyto": works(
        {
            "after(x, 'np.copyto(b, y)', y=y)": "A v[:4]",
            "after(x, 'np.copyto(b, y, where=b > 0)', y=y)": "v w",
        }
    ),
    "fill_diagonal": works(
        {
            "after(x, 'np.fill_diagonal(b, y, wrap=True)', y=y)": "B.T.copy() t np.ones((7,3)) t",
            "after(x, 'np.fill_diagonal(b, y)', y=y)": "Q u Q t",
        }
    ),
    "place": works(
        {"after(x, 'np.place(b, [True, False, True, True, False], y)', y=y)": "v w[:2]"}
    ),
    "put": works(
        {
            "after(x, 'b.put([7, -9], y, \"wrap\")', y=y)": "v t",
            "after(x, 'np.put(b, [0, -1], y)', y=y)": "A w[:2] v t",
        }
    ),
    "put_along_axis": works(
        {"after(x, 'np.put_along_axis(b, np.array([[2], [0], [1]]), y, 1)', y=y)": "A t"}
    ),
    "putmask": works({"after(x, 'np.putmask(b, b > 0, y)', y=y)": "v w A t"}),
}
