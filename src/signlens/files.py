"""Writing a file whole or not at all, and telling files apart."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signlens.errors import UsageError


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary file in the same folder that takes the path's place when the block ends well.

    Until then, and if the block fails, whatever stood at the path stays as it was. The file gets the
    path's ending and the permissions that a new file would get.

    Args:
        path: Where the file shall stand.

    Yields:
        The temporary file to write to.

    Raises:
        OSError: The folder cannot be written to.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def write_errors(
    path: str | Path, remedy: str = "name another folder", problem: str = "it cannot be written"
) -> Iterator[None]:
    """An OSError inside becomes the UsageError that the path cannot be written, and why."""
    try:
        yield
    except OSError as error:
        raise UsageError(path, f"{problem} ({error.strerror or error})", remedy) from None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
