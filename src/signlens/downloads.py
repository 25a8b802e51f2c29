"""Fetching what is pinned, whole or not at all: a file by the hash of its bytes, the Hub's by a commit.

Nothing here is called unless somebody asks for a download.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from signlens.errors import InputRejected, PartMissing
from signlens.files import whole_file, write_errors
from signlens.optional import require_extra

_OFFLINE = "check the connection, or copy the file from elsewhere"


def git_blob_hash(content: bytes) -> str:
    """The hash under which git keeps some bytes.

    >>> git_blob_hash(b"")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_commit(text: str) -> bool:
    """Whether it is a commit's full hash: a branch or a tag may change."""
    return re.fullmatch(r"[0-9a-f]{40}", text) is not None


def fetch_file(url: str, target: Path, git_blob: str, *, limit: int, timeout_s: float = 60.0) -> Path:
    """Fetch a file and check it.

    Args:
        url: Where it is.
        target: Where it shall stand; its folder is made.
        git_blob: What `git_blob_hash` of its bytes must be.
        limit: The most bytes that are read.
        timeout_s: How long to wait for the server.

    Raises:
        PartMissing: It cannot be fetched, or its bytes are others; nothing is kept then.
        UsageError: It cannot be written.
    """
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            content = answer.read(limit + 1)
    except (OSError, ValueError) as error:  # a URLError is an OSError
        raise PartMissing(url, f"cannot be fetched ({getattr(error, 'reason', error)})", _OFFLINE) from None
    if len(content) > limit or git_blob_hash(content) != git_blob:
        raise PartMissing(
            url,
            f"its bytes are not those of the pinned file (git blob {git_blob})",
            "nothing was kept; fetch it again, or copy the file from elsewhere",
        )
    with write_errors(target, "choose another folder"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as part:
            part.write_bytes(content)
    return target


def fetch_hub_file(
    repository: str,
    name: str,
    commit: str,
    folder: Path,
    *,
    sha256: str | None = None,
    repo_type: str = "model",
    endpoint: str | None = None,
) -> Path:
    """Fetch one file of a repository of the Hugging Face Hub at a commit.

    Its bytes are checked against the hash under which the repository keeps them at that commit (git's blob
    hash, or SHA-256 for large files), and against `sha256` where it is given.

    Args:
        repository: Owner and name.
        name: The file's path in it.
        commit: See `is_commit`.
        folder: Where the file goes.
        sha256: What the file's SHA-256 must be.
        repo_type: ``model`` or ``dataset``.
        endpoint: Another server that speaks the Hub's protocol.

    Raises:
        PartMissing: `huggingface_hub` is not installed, or the server cannot be reached.
        InputRejected: There is no such file, or its bytes are not what they should be.
    """
    try:
        import huggingface_hub as hub
        from huggingface_hub import errors
    except ImportError as error:
        raise require_extra("hub", error.name or "huggingface_hub") from None
    where: dict[str, Any] = {"repo_type": repo_type, "revision": commit, "endpoint": endpoint}
    address = hub.hf_hub_url(repository, name, **where)
    try:
        path = Path(hub.hf_hub_download(repository, name, local_dir=folder, force_download=True, **where))
        kept_as = (hub.get_hf_file_metadata(address, endpoint=endpoint).etag or "").strip('"')
    except errors.LocalEntryNotFoundError as error:  # what it says when the server cannot be reached
        raise PartMissing(address, f"cannot be fetched ({error})", _OFFLINE) from None
    except (errors.EntryNotFoundError, errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
        raise InputRejected(address, "is not there", f"check the revision; {_OFFLINE}") from None
    except (errors.HfHubHTTPError, OSError, ValueError) as error:
        raise PartMissing(address, f"cannot be fetched ({error})", _OFFLINE) from None
    content = path.read_bytes()
    own = hashlib.sha256(content).hexdigest()
    if kept_as not in (own, git_blob_hash(content)):
        path.unlink()
        raise InputRejected(address, "arrived with other bytes than the repository keeps", "fetch it again")
    if sha256 is not None and own != sha256.casefold():
        path.unlink()
        raise InputRejected(
            address, f"has SHA-256 {own}, not {sha256}", "check the revision; the file was removed"
        )
    return path


def hub_snapshot(
    repository: str,
    commit: str,
    *,
    files: list[str] | None = None,
    fetch: bool = False,
    extra: str = "hub",
    remedy: str = "",
) -> Path:
    """The folder of a repository of the Hugging Face Hub at a commit, in the Hub's cache.

    Args:
        repository: Owner and name.
        commit: See `is_commit`.
        files: Only these; None for all.
        fetch: Whether what is missing may be fetched.
        extra: The extra that brings `huggingface_hub`, for the message.
        remedy: How to fetch it; by default with the Hub's own command.

    Raises:
        PartMissing: It is not there, or cannot be fetched.
    """
    try:
        import huggingface_hub
    except ImportError:
        raise require_extra(extra, "huggingface_hub") from None
    try:
        found = huggingface_hub.snapshot_download(
            repository, revision=commit, allow_patterns=files, local_files_only=not fetch
        )
    except Exception as error:  # whatever the hub, its transport or the disk brings up
        problem = f"could not be fetched ({error})" if fetch else f"revision {commit} is not on this machine"
        how = remedy or f"fetch it once with: hf download {repository} --revision {commit}"
        raise PartMissing(repository, problem, how) from None
    return Path(found)
