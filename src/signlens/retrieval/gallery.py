"""The gallery: embeddings of known clips with their glosses (vectors and names, never the clips).

On disk it is one safetensors file: the tensor ``vectors``, and in the header's metadata one JSON
document with the names, the embedding space that the vectors live in, and a SHA-256 over both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from signlens.errors import PartMissing, UsageError
from signlens.files import whole_file
from signlens.recognition import SimilarSign

GALLERY_FILE = "gallery.safetensors"
"""Name of the gallery in a model's folder."""

SAME_CLIP = 1 - 1e-6
"""From this cosine on, two embeddings are of the same clip: only storage rounding lies between them."""

_LAYOUT = 1
_METADATA_KEY = "gallery"
_UNIT = 2e-3  # float16 storage moves a unit vector's length by less
_ORDER_DECIMALS = 7  # beyond these, similarities count as equal and the gallery's order decides
_REMEDY = "install the package again, or build the gallery again"


def embedding_space(card: Mapping[str, Any]) -> str:
    """Hash (hex) of all that decides what a model's embedding of a clip is.

    Two models share a space exactly when they fuse the same network files in the same order with the same
    weights; calibration, vocabulary and the card's words do not matter, so a gallery outlives them. (The
    hash of ``model.json`` could not serve: that file names the gallery's own hash.)

    Args:
        card: A model's ``model.json``: its ``networks`` and ``sha256`` are read.

    Raises:
        PartMissing: The card lacks them.
    """
    try:
        parts = [
            {
                **{key: network[key] for key in ("name", "kind", "stream", "window", "weight")},
                "sha256": card["sha256"][network["file"]],
            }
            for network in card["networks"]
        ]
    except (KeyError, TypeError) as error:
        raise PartMissing("model.json", f"is not a sign model's card ({error!r})", _REMEDY) from None
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Gallery:
    """Embeddings of known clips, searched by exact cosine.

    Attributes:
        vectors: (N, D) float32, each row of length 1.
        glosses: N glosses.
        clips: N names of clips, all different.
        sources: N SHA-256 (hex) of the clips' source files; empty where there is none.
        model: Name and version of the model that embedded them, for people.
        space: The embedding space, see `embedding_space`.
    """

    vectors: NDArray[np.float32]
    glosses: tuple[str, ...]
    clips: tuple[str, ...]
    sources: tuple[str, ...]
    model: str
    space: str

    def __post_init__(self) -> None:
        """Check that everything has the same length and that the vectors are unit vectors.

        Raises:
            UsageError: It does not fit together.
        """
        v = self.vectors
        if v.ndim != 2 or v.dtype != np.float32 or not v.shape[1]:
            raise UsageError("gallery", f"vectors have shape {v.shape}, {v.dtype}", "give (N, D) float32")
        counts = {len(self.glosses), len(self.clips), len(self.sources)}
        if counts != {len(v)}:
            raise UsageError(
                "gallery",
                f"{len(v)} vectors with {sorted(counts)} names",
                "give each its gloss, clip and source",
            )
        if len(set(self.clips)) != len(v):
            raise UsageError("gallery", "two of its clips have the same name", "give each its own")
        if len(v) and not np.allclose(np.linalg.norm(v, axis=1), 1, atol=_UNIT):
            raise UsageError("gallery", "its vectors are not of length 1", "divide each by its length")

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.vectors)

    # -- on disk ------------------------------------------------------------------------------

    def save(self, path: str | Path, dtype: Literal["float16", "float32"] = "float16") -> str:
        """Write the gallery, whole or not at all.

        Args:
            path: Where to; an existing file is replaced.
            dtype: How vectors are stored; float16 moves a cosine by less than 1e-3 and halves the file.

        Returns:
            SHA-256 (hex) of the file, for the model's card.

        Raises:
            OSError: The folder cannot be written to.
        """
        from safetensors.numpy import save

        path = Path(path)
        vectors = np.ascontiguousarray(self.vectors, dtype=np.dtype(dtype))
        document = {
            "layout": _LAYOUT,
            "model": self.model,
            "space": self.space,
            "glosses": list(self.glosses),
            "clips": list(self.clips),
            "sources": list(self.sources),
        }
        document["sha256"] = _digest(document, vectors)
        content = save({"vectors": vectors}, metadata={_METADATA_KEY: json.dumps(document, sort_keys=True)})
        with whole_file(path) as part:
            part.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    @classmethod
    def load(cls, path: str | Path, space: str | None = None) -> Self:
        """Read a gallery.

        Args:
            path: The file.
            space: The embedding space of the model that will ask; None takes any.

        Raises:
            PartMissing: There is none, it is damaged, or another model made it.
        """
        from safetensors import SafetensorError, safe_open

        path = Path(path)
        if not path.is_file():
            raise PartMissing(path, "there is no gallery of similar signs there", _REMEDY)
        try:
            with safe_open(str(path), framework="numpy") as file:
                metadata = file.metadata() or {}
                document = json.loads(metadata[_METADATA_KEY])
                stored = file.get_tensor("vectors")
            if document["layout"] != _LAYOUT:
                raise PartMissing(path, f"its layout {document['layout']!r} is of another version", _REMEDY)
            expected = document.pop("sha256")
            if _digest(document, stored) != expected:
                raise PartMissing(path, "its checksum is wrong: it was damaged or altered", _REMEDY)
            vectors = stored.astype(np.float32)
            if len(vectors):
                vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            gallery = cls(
                vectors=vectors,
                glosses=tuple(document["glosses"]),
                clips=tuple(document["clips"]),
                sources=tuple(document["sources"]),
                model=document["model"],
                space=document["space"],
            )
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, UsageError) as error:
            raise PartMissing(path, f"it cannot be read as a gallery ({error})", _REMEDY) from None
        if space is not None:
            gallery.require_space(space, path)
        return gallery

    def require_space(self, space: str, name: str | Path = "gallery") -> None:
        """Refuse a model whose embeddings mean something else than this gallery's.

        Args:
            space: The asking model's embedding space.
            name: What to call the gallery in the message.

        Raises:
            PartMissing: It is another space.
        """
        if space != self.space:
            raise PartMissing(
                name,
                f"its embeddings were made by another model ({self.model}), so they cannot be compared with "
                "this model's",
                "build the gallery again with this model",
            )

    # -- search -------------------------------------------------------------------------------

    def similarities(
        self,
        query: NDArray[np.floating],
        exclude_sources: Set[str] = frozenset(),
        exclude_names: Set[str] = frozenset(),
    ) -> NDArray[np.float64]:
        """Cosine of a clip with each of the gallery's; NaN for those that are the clip itself.

        The clip itself is: a clip with an excluded name or source, or one with the same embedding
        (`SAME_CLIP`), which is the same recording under another name.

        Args:
            query: (D,) embedding, of any length above 0.
            exclude_sources: SHA-256 (hex) of the query's source file; the empty string never matches.
            exclude_names: Names of clips.

        Returns:
            (N,) in -1..1, or NaN.

        Raises:
            UsageError: The query is no vector of this gallery's dimension.
        """
        dimension = self.vectors.shape[1]
        if query.shape != (dimension,):
            raise UsageError(
                "query",
                f"it has shape {query.shape}, but this gallery's embeddings have {dimension} dimensions",
                "ask with an embedding of the model that made the gallery",
            )
        length = float(np.linalg.norm(query.astype(np.float64)))
        if not np.isfinite(length) or length == 0:
            raise UsageError("query", "it has no direction (all zero, or not numbers)", "give an embedding")
        # einsum adds in float64 without a float64 copy of the gallery.
        cosine = np.einsum("nd,d->n", self.vectors, query.astype(np.float64) / length, dtype=np.float64)
        cosine = np.clip(cosine, -1, 1)
        cosine[cosine >= SAME_CLIP] = np.nan
        sources = {s for s in exclude_sources if s}
        if sources or exclude_names:
            itself = [
                source in sources or name in exclude_names
                for source, name in zip(self.sources, self.clips, strict=True)
            ]
            cosine[itself] = np.nan
        return np.asarray(cosine)

    def search(
        self,
        query: NDArray[np.floating],
        k: int,
        exclude_sources: Set[str] = frozenset(),
        exclude_names: Set[str] = frozenset(),
    ) -> list[SimilarSign]:
        """The k most similar clips, best first; equally similar ones in the gallery's order.

        A clip never finds itself, see `similarities` (also for arguments and errors).

        Args:
            query: (D,) embedding.
            k: How many, at least 1; fewer come back when the gallery holds fewer.
            exclude_sources: See `similarities`.
            exclude_names: See `similarities`.

        Raises:
            UsageError: As `similarities`, or k below 1.
        """
        if k < 1:
            raise UsageError("k", f"{k} similar signs cannot be shown", "give at least 1")
        return self.best(self.similarities(query, exclude_sources, exclude_names), k)

    def best(
        self, similarities: NDArray[np.float64], k: int, *, one_per_gloss: bool = False
    ) -> list[SimilarSign]:
        """The k best of `similarities`, as `search` gives them.

        Args:
            similarities: (N,), NaN for clips that must not be found.
            k: How many at most.
            one_per_gloss: Give each gloss's best clip only, so that k different signs come back.
        """
        order = np.argsort(-np.round(similarities, _ORDER_DECIMALS), kind="stable")  # NaN goes last
        if one_per_gloss:
            _, first = np.unique(np.array(self.glosses)[order], return_index=True)
            order = order[np.sort(first)]
        return [
            SimilarSign(self.clips[i], self.glosses[i], float(similarities[i]))
            for i in order[:k].tolist()
            if np.isfinite(similarities[i])
        ]


def _digest(document: Mapping[str, Any], vectors: NDArray[Any]) -> str:
    words = json.dumps({key: value for key, value in document.items() if key != "sha256"}, sort_keys=True)
    digest = hashlib.sha256(words.encode())
    digest.update(f"{vectors.dtype} {vectors.shape}".encode())
    digest.update(np.ascontiguousarray(vectors).tobytes())
    return digest.hexdigest()
