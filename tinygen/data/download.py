"""Fetching a file once: mirrors tried in turn, nothing kept that does not match its hash.

    path = fetch(filename, sha256, mirrors, cache_folder(), remedy="check the connection")

`cache_folder` is the operating system's cache for tinygen; pooch does the fetching.
"""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .errors import DataError

TIMEOUT_SECONDS = 30
CHUNK = 1 << 16


def cache_folder() -> Path:
    """Where downloads are kept: the operating system's cache folder for tinygen."""
    return Path(_import_pooch("the cache").os_cache("tinygen"))


def fetch(filename: str, sha256: str, mirrors: Sequence[str], folder: Path, remedy: str) -> Path:
    """The path of `filename` in `folder`, downloaded from the first mirror that delivers it whole.

    mirrors: base URLs ending in "/". A file already there whose hash matches is returned without
    touching the network. A download goes to a temporary file and is moved into place only when its
    SHA-256 is right. Raises DataError, ending in `remedy`, when no mirror works.
    """
    pooch = _import_pooch(filename)
    show_progress = sys.stderr.isatty() and find_spec("tqdm") is not None
    failures = []
    for mirror in mirrors:
        downloader = pooch.HTTPDownloader(
            progressbar=show_progress, timeout=TIMEOUT_SECONDS, chunk_size=CHUNK
        )
        try:
            path = pooch.retrieve(
                mirror + filename, f"sha256:{sha256}", filename, folder, downloader=downloader
            )
        except (ValueError, OSError) as error:
            failures.append(f"{mirror}: {_reason(error)}")
        else:
            return Path(path)
    raise DataError(f"{filename} could not be downloaded ({'; '.join(failures)}): {remedy}.")


def _import_pooch(what: str) -> Any:
    # Imported here: `import tinygen` loads NumPy and nothing else.
    try:
        import pooch
    except ImportError as error:
        raise DataError(
            f"{what} needs pooch, which is not installed: pip install pooch tqdm, or set"
            " TINYGEN_DATA to a folder that holds the data."
        ) from error
    return pooch


def _reason(error: Exception) -> str:
    """Few words: what requests and pooch say of a failure runs over several sentences."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"HTTP status {status}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror} on {error.filename}"
    if isinstance(error, OSError):
        return type(error).__name__
    return "the SHA-256 differs from the published one"
