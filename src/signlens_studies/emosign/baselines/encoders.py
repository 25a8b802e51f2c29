"""Frozen networks of transformers, by folder or by pinned revision; nothing is fetched from here.

Weights are safetensors, code of the repository they come from is never run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signlens.downloads import hub_snapshot, is_commit
from signlens.errors import PartMissing, UsageError
from signlens.files import file_sha256
from signlens.optional import require_extra

WEIGHTS = "model.safetensors"
EXTRA = "depth"  # brings transformers and PyTorch


@dataclass(frozen=True)
class Pinned:
    """A network on this machine.

    Attributes:
        folder: Where its files are.
        name: What was asked for.
        sha256: Of its weights.
    """

    folder: Path
    name: str
    sha256: str


def find(reference: str) -> Pinned:
    """The files of a network.

    Args:
        reference: A folder, or ``OWNER/NAME@COMMIT`` with the commit's 40 digits, of the Hub's cache.
    """
    folder = Path(reference)
    if not folder.is_dir():
        repository, _, commit = reference.rpartition("@")
        if not is_commit(commit) or repository.count("/") != 1:
            raise UsageError(
                reference,
                "is neither a folder nor OWNER/NAME@COMMIT with the 40 digits of a commit",
                "a branch may change, so it does not do",
            )
        folder = hub_snapshot(repository, commit, extra=EXTRA)
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise PartMissing(folder, f"holds no {WEIGHTS}", "other formats can run code when they are read")
    return Pinned(folder, reference, file_sha256(weights))


def load(kind: str, pinned: Pinned) -> Any:
    """A model or tokenizer of transformers, frozen.

    Args:
        kind: Name of its class in transformers.
        pinned: Its files.
    """
    try:
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise require_extra(EXTRA, error.name or "transformers") from None
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    is_model = kind != "AutoTokenizer"
    if is_model:
        options |= {"use_safetensors": True}
    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        made = getattr(transformers, kind).from_pretrained(str(pinned.folder), **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).strip().split("\n")[0]
        raise PartMissing(pinned.name, f"cannot be loaded as {kind} ({first})", "give another") from None
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
    return made.eval().requires_grad_(False) if is_model else made
