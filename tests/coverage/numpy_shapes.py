"""Shapes, joining, splitting, indexing and creation in numpy."""

from __future__ import annotations

from tests.coverage.rows import Row, refused, same_as, works, zero

INDICES = "indices"
FRESH = "a new array that depends on shape and dtype only"
STORES = "NumPy makes a plain array of its argument; functrans.numpy.asarray does not"

ROWS: dict[str, Row] = {
    "reshape": works(
        {
            "np.reshape(x, (4, -1))": "A",
            "np.reshape(x, -1, order='F')": "A",
            "np.reshape(x, (2, 6), 'F', copy=True)": "A",
            "np.reshape(x, shape=(6, 2), order='C')": "A",
        }
    ),
    "ravel": works(
        {
            "np.ravel(x)": "A",
            "np.ravel(x, 'F')": "A",
        }
    ),
    "transpose": works({"np.transpose(x)": "C", "np.transpose(x, (1, -1, 0))": "C"}),
    "permute_dims": same_as("transpose"),
    "matrix_transpose": works({"np.matrix_transpose(x)": "C"}),
    "swapaxes": works({"np.swapaxes(x, 0, -1)": "C"}),
    "moveaxis": works({"np.moveaxis(x, 0, -1)": "C", "np.moveaxis(x, [0, 1], [-1, 0])": "C"}),
    "rollaxis": works(
        {"np.rollaxis(x, 2, start=1)": "C", "np.rollaxis(x, 2)": "C", "np.rollaxis(x, 0, 3)": "C"}
    ),
    "squeeze": works(
        {"np.squeeze(x[None, :, None])": "v", "np.squeeze(x[None, :, None], axis=-1)": "v"}
    ),
    "expand_dims": works({"np.expand_dims(x, (0, -1))": "v", "np.expand_dims(x, 1)": "A"}),
    "atleast_1d": works({"np.atleast_1d(x)": "s v", "np.atleast_1d(x, y)": "s A"}),
    "atleast_2d": works({"np.atleast_2d(x, 1.0)[0]": "s v A"}),
    "atleast_3d": works({"np.atleast_3d(x)": "s v A C"}),
    "broadcast_to": works({"np.broadcast_to(x, (2, 3, 4))": "A", "np.broadcast_to(x, 3)": "s"}),
    "broadcast_arrays": works({"np.broadcast_arrays(x, y[:, None], 1.0)": "v w"}),
    "flip": works({"np.flip(x)": "A", "np.flip(x, axis=(1, -1 - 1))": "A"}),
    "flipud": works({"np.flipud(x)": "A"}),
    "fliplr": works({"np.fliplr(x)": "A"}),
    "rot90": works(
        {"np.rot90(x)": "A", "np.rot90(x, 2)": "A", "np.rot90(x, -1, axes=(1, 2))": "C"}
    ),
    "roll": works(
        {
            "np.roll(x, 2)": "v A",
            "np.roll(x, (1, -2), axis=(0, 1))": "A",
            "np.roll(x, 3, axis=(0, 0))": "v",
        }
    ),
    "tile": works({"np.tile(x, 2)": "v A", "np.tile(x, (2, 1, 3))": "A", "np.tile(x, (2,))": "C"}),
    "repeat": works(
        {
            "np.repeat(x, 2)": "s A",
            "np.repeat(x, 3, axis=1)": "A",
            "np.repeat(x, [1, 0, 2], axis=0)": "A",
        }
    ),
    "resize": works({"np.resize(x, (2, 4))": "v", "np.resize(x, 3)": "A"}),
    "astype": works({"np.astype(x, np.float32)": "v", "np.astype(x, complex, copy=False)": "v"}),
    # joining and splitting
    "concatenate": works(
        {
            "np.concatenate([x, y])": "v w",
            "np.concatenate((x, y), axis=None)": "A B",
            "np.concatenate([x, np.ones(2, np.float32)], dtype=np.float32)": "v",
            "np.concatenate([x, y, np.ones((3, 1))], axis=-1)": "A A2",
            "np.concatenate(x, axis=1)": "C",
        }
    ),
    "concat": same_as("concatenate"),
    "stack": works(
        {
            "np.stack([x, y])": "v w",
            "np.stack([x, y, np.ones((3, 4))], axis=-1)": "A A2",
            "np.stack([x, y], dtype=complex)": "v w",
            "np.stack(x, axis=1)": "C",
        }
    ),
    "vstack": works(
        {
            "np.vstack([x, y], dtype=complex)": "v w",
            "np.vstack([x, y])": "v w A A2",
            "np.vstack([x, [1, 2, 3]])": "u",
        }
    ),
    "row_stack": works({"np.row_stack([x, y])": "v w"}),
    "hstack": works({"np.hstack((x, y))": "v w A A2", "np.hstack([x, 1], dtype=complex)": "s"}),
    "dstack": works({"np.dstack([x, y])": "v w A A2"}),
    "column_stack": works({"np.column_stack([x, y])": "v w u A"}),
    "block": works(
        {
            "np.block([[x, y.T], [np.ones((1, 3)), np.zeros((1, 4))]])": "Q B",
            "np.block([x, 2.0, y])": "v w",
            "np.block([[[x, 1.0]], [[y, 2.0]]])": "s t",
        }
    ),
    "split": works({"np.split(x, 2, axis=1)": "A", "np.split(x, [1, 3])": "v"}),
    "array_split": works(
        {
            "np.array_split(x, 3, axis=1)": "A",
            "np.array_split(x, 3)": "v",
            "np.array_split(x, [2, 2, 9])": "v",
        }
    ),
    "hsplit": works({"np.hsplit(x, 2)": "A", "np.hsplit(x, [1])": "v"}),
    "vsplit": works({"np.vsplit(x, 3)": "A"}),
    "dsplit": works({"np.dsplit(x, 2)": "C"}),
    "unstack": works({"np.unstack(x, axis=1)": "A"}),
    "append": works({"np.append(x, y)": "A B", "np.append(x, y, axis=0)": "A A2"}),
    "delete": works(
        {
            "np.delete(x, 1)": "v",
            "np.delete(x, [0, 2], axis=1)": "A",
            "np.delete(x, slice(None, None, 2))": "v",
            "np.delete(x, [True, False, True], 0)": "A",
        }
    ),
    "insert": works(
        {
            "np.insert(x, 1, y)": "v u",
            "np.insert(x, [0, 3], 9.0)": "v",
            "np.insert(x, 2, y, axis=1)": "A u",
            "np.insert(x, [3, 0], y[:2], axis=0)": "A A2",
            "np.insert(x, slice(0, 2), y)": "v t",
        }
    ),
    "pad": works(
        {
            "np.pad(x, 2)": "v A",
            "np.pad(x, ((1, 0), (2, 3)))": "A",
            "np.pad(x, 1, constant_values=((1.0, 2.0), (3.0, 4.0)))": "A",
            "fnp.pad(x, (1, 2), constant_values=y)": "v t",
            "np.pad(x, {1: (1, 2)})": "A",
            "np.pad(x, (2, 1), mode='edge')": "v A",
            "np.pad(x, 7, mode='reflect')": "v",
            "np.pad(x, 9, mode='reflect', reflect_type='odd')": "v",
            "np.pad(x, ((3, 1), (2, 2)), mode='symmetric')": "A",
            "np.pad(x, ((7, 1), (2, 5)), mode='symmetric', reflect_type='odd')": "A",
            "np.pad(x, 7, mode='wrap')": "v",
            "np.pad(x, 2, mode='maximum')": "A",
            "np.pad(x, 2, mode='minimum', stat_length=2)": "A",
            "np.pad(x, (2, 1), mode='mean')": "A",
            "np.pad(x, 2, mode='median')": "A",
            "np.pad(x, (1, 2), mode='median', stat_length=3)": "v",
            "np.pad(x, (3, 2), mode='linear_ramp', end_values=(1.0, -1.0))": "v A",
            "np.pad(x, ((1, 0), (2, 1)), mode='empty')[1:, 2:-1]": "A",
        }
    ),
    "trim_zeros": works(
        {},
        by_value={
            "np.trim_zeros(np.concatenate([np.zeros(2), x, [0.0]]))": "v",
            "np.trim_zeros(x * [0, 1, 0, 1, 0], 'b')": "v",
            "np.trim_zeros(x * [0, 1, 0, 1], 'f', axis=1)": "A",
        },
    ),
    # indexing
    "take": works(
        {
            "np.take(x, [0, 2, 0])": "v A",
            "np.take(x, np.array([[1, -1]]), axis=1)": "A",
            "np.take(x, [7, -9], mode='wrap')": "v",
            "np.take(x, [7, -9], mode='clip')": "v",
            "np.take(x, y)": "v n",
        }
    ),
    "unravel_index": works(
        {
            "x[np.unravel_index(np.argmax(x), x.shape)]": "A",
            "x[np.unravel_index(np.argmax(x, axis=0), x.shape, order='F')]": "A",
        }
    ),
    "ravel_multi_index": zero(
        INDICES,
        {
            "np.ravel_multi_index((x, y), (2, 5), mode=('clip', 'wrap'), order='F')": "n m",
        },
        by_value={"np.ravel_multi_index((x, y), (4, 7))": "n m"},
    ),
    "take_along_axis": works(
        {
            "np.take_along_axis(x, np.array([[0, 1, 1, 2]]), axis=0)": "A",
            "np.take_along_axis(x, np.argsort(x, axis=1), axis=1)": "A",
            "np.take_along_axis(x, np.array([3, 0]), None)": "A",
        }
    ),
    "diag": works({"np.diag(x)": "v A", "np.diag(x, -1)": "v A"}),
    "diagflat": works({"np.diagflat(x, 1)": "Q"}),
    "diagonal": works({"np.diagonal(x, 1)": "A", "np.diagonal(x, -1, 2, 0)": "C"}),
    "trace": works(
        {
            "np.trace(x)": "A Z i",
            "np.trace(x, 1, axis1=1, axis2=2)": "C",
            "np.trace(x, dtype=np.float32)": "A",
        }
    ),
    "tril": works({"np.tril(x)": "A v", "np.tril(x, 1)": "C"}),
    "triu": works({"np.triu(x, k=2)": "A", "np.triu(x, -1)": "C"}),
    "tril_indices_from": works(
        {
            "x[np.tril_indices_from(x, k=1)]": "Q",
            "x[np.tril_indices_from(x, -1)]": "A",
        }
    ),
    "triu_indices_from": works({"x[np.triu_indices_from(x, 1)]": "Q A"}),
    "diag_indices_from": works({"x[np.diag_indices_from(x)]": "Q"}),
    "compress": works(
        {
            "np.compress([True, False, True], x, axis=0)": "A",
            "np.compress([0, 1, 1], x)": "A",
        },
        by_value={"np.compress(x > 0, x)": "v"},
    ),
    "extract": works(
        {"np.extract(np.eye(3, 4) > 0, x)": "A"}, by_value={"np.extract(x > 0, x)": "A"}
    ),
    "ix_": works({"x[np.ix_([0, 2], [True, False, True, True])]": "A", "np.ix_(x, y)": "n m"}),
    "nonzero": zero(INDICES, {}, by_value={"np.nonzero(x > 0)": "A", "np.nonzero(x)": "v n"}),
    "flatnonzero": zero(INDICES, {}, by_value={"np.flatnonzero(x > 0)": "A"}),
    "argwhere": zero(INDICES, {}, by_value={"np.argwhere(x > 0)": "A"}),
    # creation
    "zeros_like": zero(
        FRESH,
        {
            "np.zeros_like(x, dtype=np.float32)": "A",
            "np.zeros_like(x)": "A Z n",
            "np.zeros_like(x, int, shape=2)": "v",
        },
    ),
    "ones_like": zero(
        FRESH,
        {
            "np.ones_like(x, shape=(2,))": "A",
            "np.ones_like(x)": "A",
            "np.ones_like(x, dtype=np.float32)": "A",
        },
    ),
    "empty_like": zero(
        FRESH,
        {
            "np.empty_like(x, dtype=np.float32, shape=(2, 3)) * 0": "v",
            "np.empty_like(x) * 0.0": "v",
        },
    ),
    "full_like": works(
        {
            "np.full_like(x, 3, dtype=int) * x": "A",
            "np.full_like(x, 2.0) * x": "A",
            "np.full_like(np.ones(3), 2.0, shape=(2,)) * x[:2]": "v",
            "np.full_like(x, np.sum(x))": "A",
            "fnp.full_like(x, y)": "A z.real",
        }
    ),
    "copy": works({"np.copy(x)": "A Z"}),
    "linspace": works(
        {
            "np.linspace(x, y, 4)": "s s v w z z2",
            "np.linspace(x, 1.0, 3, endpoint=False)": "v",
            "np.linspace(0.0, x, 5, axis=-1)": "v",
            "np.linspace(x, y, 1)": "v w",
            "np.linspace(x, 3.0, 4, retstep=True)": "s",
            "np.linspace(x, 3, 5, dtype=np.float32)": "v",
        }
    ),
    "logspace": works(
        {
            "np.logspace(x, 1.0, num=3, dtype=np.float32)": "v",
            "np.logspace(x, 1.0, 4, base=2.0)": "s v",
            "np.logspace(0.0, 1.0, 4, base=x)": "p t",
            "np.logspace(x, y, 3, endpoint=False, axis=-1)": "v w z z2",
        }
    ),
    "geomspace": works(
        {
            "np.geomspace(x, 3.0, num=3, dtype=np.float32)": "p",
            "np.geomspace(x, 3.0, 4)": "P z",
            "np.geomspace(x, 9.0, 3, endpoint=False)": "P",
            "np.geomspace(x, y, 4)": "P[0] z z z2",
            "np.geomspace(-x, -3.0, 4, axis=1)": "p",
            "np.geomspace(x, 1j, 3)": "t",
        }
    ),
    "meshgrid": works(
        {
            "np.meshgrid(x, y)": "v u",
            "np.meshgrid(x, y, x, indexing='ij', sparse=True)": "v u",
            "np.meshgrid(x, 1.0, y, copy=False)": "v s",
        }
    ),
    "vander": works(
        {"np.vander(x, 3)": "v z", "np.vander(x, increasing=True)": "u", "np.vander(x, 0)": "u"}
    ),
    "array": works(
        {
            "np.array([x, 2 * x], dtype=np.float32, ndmin=4, like=x)": "u",
            "np.array([x, [1.0, 2.0, 3.0], x * x], like=x)": "u",
        }
    ),
    "asarray": works({"np.asarray([x[0], 2.0], dtype=np.float32, like=x)": "u"}),
    "asanyarray": works({"np.asanyarray([x[0], 2.0], like=x)": "u"}),
    "ascontiguousarray": works({"np.ascontiguousarray([x[0], 2.0], like=x)": "u"}),
    "asfortranarray": works({"np.asfortranarray([x[0], 2.0], like=x)": "u"}),
    "require": works({"np.require([x[0], 2.0], requirements='C', like=x)": "u"}),
    "full": works(
        {"np.full(3, x, dtype=np.float32, like=x)": "u", "np.full((2, 3), x, like=x)": "u"}
    ),
    "asarray_chkfinite": refused(
        STORES, {"np.asarray_chkfinite(x)": "v"}, match="cannot become a plain ndarray"
    ),
    "fromfunction": works({"np.fromfunction(lambda i, j: i * x + j, (2, 3))": "s"}),
    # loops
    "apply_along_axis": works(
        {
            "np.apply_along_axis(lambda r: r * np.sum(r), 1, x)": "A",
            "np.apply_along_axis(np.sum, 0, x)": "A",
            "np.apply_along_axis(lambda r, a: np.outer(r, a * r), 1, x, 2.0)": "A",
        }
    ),
    "apply_over_axes": works({"np.apply_over_axes(np.sum, x, [0, 2])": "C"}),
    "from_dlpack": refused(
        "memory of another library",
        {"np.from_dlpack(x)": "v"},
        match=r"by DLPack|derivative would be lost",
    ),
}

STRIDE_TRICKS: dict[str, Row] = {
    "sliding_window_view": works(
        {
            "np.lib.stride_tricks.sliding_window_view(x, 3)": "v",
            "np.lib.stride_tricks.sliding_window_view(x, (2, 3))": "A",
            "np.lib.stride_tricks.sliding_window_view(x, 2, axis=0)": "A z",
            "np.lib.stride_tricks.sliding_window_view(x, (2, 2, 0), axis=(-1, 1, 0))": "C",
        }
    ),
    "as_strided": refused(
        "it has no memory of its own; sliding_window_view and broadcast_to make views",
        {"np.lib.stride_tricks.as_strided(x, (2, 2), (8, 8))": "v"},
        match="cannot become a plain ndarray|memory",
    ),
}
