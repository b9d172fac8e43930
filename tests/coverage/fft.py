"""The functions of numpy.fft."""

from __future__ import annotations

from tests.coverage.rows import Row, apart, works


def one(name: str, arrays: str) -> Row:
    """A transform along one axis."""
    call = f"np.fft.{name}(x"
    return works(
        {
            f"{call})": arrays,
            f"{call}, 6)": arrays,
            f"{call}, 3, axis=0, norm='ortho')": arrays,
            f"{call}, norm='forward')": arrays,
        }
    )


def several(name: str, arrays: str) -> Row:
    """A transform along several axes."""
    call = f"np.fft.{name}(x"
    return works(
        {
            f"{call})": arrays,
            f"{call}, (5, 2), axes=(0, 1))": arrays,
            f"{call}, axes=(1, 0), norm='ortho')": arrays,
            f"{call}, s=(3, 4), axes=(-2, -1), norm='forward')": arrays,
        }
    )


ROWS: dict[str, Row] = {
    "fft": one("fft", "v A z"),
    "ifft": one("ifft", "v A z"),
    "rfft": one("rfft", "v A"),
    "irfft": one("irfft", "v z Z"),
    "hfft": one("hfft", "v z Z"),
    "ihfft": one("ihfft", "v A"),
    "fft2": several("fft2", "A Z"),
    "ifft2": several("ifft2", "A Z"),
    "rfft2": several("rfft2", "A"),
    "irfft2": several("irfft2", "A Z"),
    "fftn": several("fftn", "A Z"),
    "ifftn": several("ifftn", "A Z"),
    "rfftn": several("rfftn", "A"),
    "irfftn": several("irfftn", "A Z"),
    "fftshift": works({"np.fft.fftshift(x)": "v A", "np.fft.fftshift(x, axes=1)": "A z[None]"}),
    "ifftshift": works({"np.fft.ifftshift(x)": "v A", "np.fft.ifftshift(x, axes=(0,))": "A"}),
    "fftfreq": works({"np.fft.fftfreq(5, x)": "t"}),
    "rfftfreq": works({"np.fft.rfftfreq(5, x)": "t"}),
    "test": apart("NumPy's own tests"),
    "helper": apart("a module, until NumPy 2.0"),
}
