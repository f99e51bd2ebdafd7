"""An image file's pixels, read as if a stranger had sent it.

    image = pixels(read_content(file), file, grey=True)  # (H, W), uint8

The size is read from the header and checked before anything is decoded.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .reading import damage_told, open_plain

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "PPM")
GREY = ("1", "L", "LA")
COLOURS = ("P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
MOST_PIXELS = 2**24
"""In one image: 4096 x 4096."""
MOST_BYTES = 2**28
"""In one file."""


def read_content(file: Path) -> bytes:
    """A file's bytes; raises DataError where it cannot be read or is too large for an image."""
    with open_plain(str(file)) as opened:
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DataError(
            f"{file} is larger than {MOST_BYTES >> 20} MiB: make a smaller image of it."
        )
    return content


@contextmanager
def open_image(content: bytes, file: Path) -> Iterator["Image.Image"]:
    """The image, not yet decoded, in one of `FORMATS` and of 8 bits a channel.

    Its size is checked by its header, before memory is taken for its pixels. Raises DataError, of
    which `file` is the subject, also for what goes wrong while it is in use.
    """
    from PIL import Image, UnidentifiedImageError

    bomb = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    too_large = DataError(
        f"{file} has more than {MOST_PIXELS:,} pixels: make a smaller image of it."
    )
    with damage_told(str(file), "an image"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(BytesIO(content), formats=FORMATS)
        except bomb:
            raise too_large from None
        except UnidentifiedImageError:
            raise DataError(
                f"{file}: damaged or not an image ({', '.join(FORMATS)} are known): save it again."
            ) from None
        with image:
            if image.width * image.height > MOST_PIXELS:
                raise too_large
            if image.mode not in (*GREY, *COLOURS):
                raise DataError(
                    f"{file} has pixels of kind {image.mode}: save it with 8 bits each."
                )
            yield image


def head(content: bytes, file: Path) -> tuple[int, int, bool]:
    """Width, height (as it is to be shown) and whether it is grey, without decoding."""
    from PIL import ExifTags

    with open_image(content, file) as image:
        on_its_side = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
        width, height = image.size[::-1] if on_its_side else image.size
        return width, height, image.mode in GREY


def pixels(content: bytes, file: Path, *, grey: bool) -> NDArray[np.uint8]:
    """(H, W) grey, or (3, H, W) in red, green and blue.

    What is transparent is laid over white; a camera's orientation mark is obeyed.
    """
    from PIL import Image, ImageOps

    with open_image(content, file) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        if grey:
            return np.asarray(image.convert("L"))
        return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
