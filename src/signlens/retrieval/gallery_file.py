"""The file of a gallery: one safetensors file of tensors, each with its SHA-256.

It holds one tensor of unit vectors for each of the model's networks (``vectors.NAME``), the clips' names,
glosses and so on as JSON text (``clips``), and, where asked for, the clips' skeletons for drawing them. A
JSON document in the header names the model and holds a SHA-256 of each tensor.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import PartMissing, UsageError
from signlens.files import whole_file
from signlens.models.embedding import FUSED

CLIPS = "clips"
VECTORS = "vectors."
SKELETON_POINTS, SKELETON_STARTS = "skeletons.points", "skeletons.starts"
REMEDY = "install the package again, or build the gallery again"

_LAYOUT = 2
_HEADER = "gallery"
_DAMAGED = "its checksum is wrong: it was damaged or altered"

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class GalleryFile:
    """An open gallery.

    Attributes:
        path: The file.
        document: What its header says.
    """

    path: Path
    document: Mapping[str, Any]
    _file: Any

    @property
    def weights(self) -> dict[str, float]:
        """Network -> its weight in the fused space."""
        return {str(name): float(weight) for name, weight in self.document["weights"]}

    @property
    def digests(self) -> Mapping[str, str]:
        """Tensor -> SHA-256 (hex)."""
        digests: Mapping[str, str] = self.document["sha256"]
        return digests

    def tensor(self, name: str) -> NDArray[Any]:
        """A whole tensor, whose checksum must be right."""
        tensor: NDArray[Any] = self._file.get_tensor(name)
        if digest_of(tensor) != self.digests[name]:
            raise PartMissing(self.path, _DAMAGED, REMEDY)
        return tensor

    def rows(self, name: str) -> Any:
        """A tensor that is read where it is indexed; its checksum is not looked at."""
        return self._file.get_slice(name)

    def columns(self) -> dict[str, list[str]]:
        """What is known of the clips: property -> one text a clip."""
        columns: dict[str, list[str]] = json.loads(
            self.tensor(CLIPS).tobytes().decode("utf-8", "surrogatepass")
        )
        return columns


@contextmanager
def open_gallery(path: Path) -> Iterator[GalleryFile]:
    """Open a gallery; whatever is wrong with the file is a `PartMissing`."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise PartMissing(path, "there is no gallery of similar signs there", REMEDY)
    try:
        with safe_open(str(path), framework="numpy") as file:
            document = json.loads((file.metadata() or {})[_HEADER])
            if document["layout"] != _LAYOUT:
                version = f"its layout {document['layout']!r} is of another version"
                raise PartMissing(path, version, REMEDY)
            if _digest_of_document(document) != document["document"] or set(document["sha256"]) != set(
                file.keys()
            ):
                raise PartMissing(path, _DAMAGED, REMEDY)
            yield GalleryFile(path, document, file)
    except UsageError as error:
        if error.subject == "space":
            raise
        raise PartMissing(path, f"it cannot be read as a gallery ({error})", REMEDY) from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise PartMissing(path, f"it cannot be read as a gallery ({error})", REMEDY) from None


def write_gallery(
    path: Path, columns: Mapping[str, Sequence[str]], tensors: Tensors, described: Mapping[str, Any]
) -> str:
    """Write a gallery's file, whole or not at all.

    Args:
        path: Where to; an existing file is replaced.
        columns: See `GalleryFile.columns`.
        tensors: Name -> vectors, and skeletons.
        described: What the header says besides checksums.

    Returns:
        SHA-256 (hex) of the file.
    """
    from safetensors.numpy import save

    words = json.dumps(columns, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    stored = {CLIPS: np.frombuffer(words, dtype=np.uint8)}
    stored |= {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    document = {"layout": _LAYOUT, **described, "sha256": {n: digest_of(t) for n, t in stored.items()}}
    document["document"] = _digest_of_document(document)
    content = save(stored, metadata={_HEADER: json.dumps(document, sort_keys=True)})
    with whole_file(path) as part:
        part.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def networks_of(space: str, weights: Mapping[str, float], path: Path) -> list[str]:
    """The networks whose vectors make a space: itself, or all for ``fused``; any other is a `UsageError`."""
    if space == FUSED:
        return list(weights)
    if space not in weights:
        known = ", ".join([*weights, FUSED])
        raise UsageError("space", f"there is no {space!r} in {path}", f"choose from {known}")
    return [space]


def digest_of(tensor: NDArray[Any]) -> str:
    """SHA-256 (hex) of a tensor's type, shape and numbers."""
    digest = hashlib.sha256(f"{tensor.dtype} {tensor.shape}".encode())
    digest.update(np.ascontiguousarray(tensor).data)
    return digest.hexdigest()


def _digest_of_document(document: Mapping[str, Any]) -> str:
    words = json.dumps({k: v for k, v in document.items() if k != "document"}, sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()
