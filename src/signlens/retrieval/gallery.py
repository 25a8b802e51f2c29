"""The gallery: embeddings of known clips with what is known of each (never the clips themselves)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from signlens.errors import PartMissing, UsageError
from signlens.models.embedding import FUSED, fuse_embeddings
from signlens.retrieval.gallery_file import (
    REMEDY,
    SKELETON_POINTS,
    SKELETON_STARTS,
    VECTORS,
    GalleryFile,
    networks_of,
    open_gallery,
    write_gallery,
)
from signlens.retrieval.index import (
    NOTHING,
    SAME_CLIP,
    ExactIndex,
    Found,
    Rows,
    Vectors,
    cosines,
    unit_query,
)
from signlens.retrieval.votes import nearest_first

GALLERY_FILE = "gallery.safetensors"
"""Name of the gallery in a model's folder, and in a folder of its own."""

_UNIT = 2e-3  # float16 storage moves a unit vector's length by less


def embedding_space(card: Mapping[str, Any]) -> str:
    """Hash (hex) of all that decides what a model's embedding of a clip is.

    Two models share a space exactly when they fuse the same network files in the same order with the same
    weights; calibration, vocabulary and the card's words do not matter, so a gallery outlives them. (The
    hash of ``model.json`` could not serve: that file names the gallery's own hash.)

    Args:
        card: A model's ``model.json``: its ``networks`` and ``sha256`` are read; without them, `PartMissing`.
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
        raise PartMissing("model.json", f"is not a sign model's card ({error!r})", REMEDY) from None
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Skeletons:
    """How the clips of a gallery are signed, for drawing and comparing them.

    Attributes:
        points: (F, 49, 2) float16: the frames of all clips after one another, in shoulder widths from the
            nose (`signlens.skeleton.normalise`); NaN where a point was not seen.
        starts: (N + 1,) int64 first frame of each clip, and the end.
    """

    points: NDArray[np.float16]
    starts: Rows

    def clip(self, row: int) -> NDArray[np.float32]:
        """(T, 49, 2) of one clip."""
        return self.points[self.starts[row] : self.starts[row + 1]].astype(np.float32)

    @classmethod
    def of(cls, clips: Sequence[NDArray[np.floating]]) -> Self:
        """Put clips (T, 49, 2) after one another."""
        starts = np.cumsum([0, *(len(c) for c in clips)]).astype(np.int64)
        points = np.concatenate(clips) if clips else np.zeros((0, 49, 2))
        return cls(np.clip(points, -60_000, 60_000).astype(np.float16), starts)


@dataclass(frozen=True)
class GalleryClip:
    """What a gallery knows of a clip besides its embedding.

    Attributes:
        name: Its name, unique in the gallery.
        gloss: Its gloss.
        signer: Who signs; empty where unknown.
        split: ``train``, ``val`` or ``test`` of its dataset; empty where it has none.
        source: SHA-256 (hex) of its source file; empty where there is none.
    """

    name: str
    gloss: str
    signer: str = ""
    split: str = ""
    source: str = ""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What is known of the N clips of a gallery; who has their vectors is another matter.

    Attributes:
        clips: The clips.
        model: Name and version of the model that embedded them, for people.
        space: The embedding space, see `embedding_space`.
    """

    clips: tuple[GalleryClip, ...]
    model: str
    space: str

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.clips)

    @cached_property
    def glosses(self) -> tuple[str, ...]:
        """The N clips' glosses."""
        return tuple(clip.gloss for clip in self.clips)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {clip.name: row for row, clip in enumerate(self.clips)}

    def row(self, name: str) -> int | None:
        """Row of the clip of that name, if there is one."""
        return self._row_of.get(name)

    def rows_of(self, sources: Set[str] = frozenset(), names: Set[str] = frozenset()) -> Rows:
        """Rows of clips that come from files of given SHA-256 (hex, not empty), or have given names.

        >>> clips = (GalleryClip("a", "HELLO", source="f00d"), GalleryClip("b", "HELLO"))
        >>> Catalogue(clips, "model 1", "space").rows_of({"f00d", ""}).tolist()
        [0]
        """
        known = {source for source in sources if source}
        if not known and not names:
            return NOTHING
        found = [i for i, clip in enumerate(self.clips) if clip.source in known or clip.name in names]
        return np.array(found, dtype=np.int64)

    def signs(self, found: Found) -> list[SimilarSign]:
        """What an index over this gallery found, with names."""
        return [
            similar_sign(self.clips[row], value)
            for row, value in zip(found.rows.tolist(), found.similarities.tolist(), strict=True)
        ]

    def require_space(self, space: str, name: str | Path = "gallery") -> None:
        """Refuse (`PartMissing`) a model whose embeddings mean something else than this gallery's.

        Args:
            space: The asking model's embedding space.
            name: What to call the gallery in the message.
        """
        if space != self.space:
            raise PartMissing(
                name,
                f"its embeddings were made by another model ({self.model}), so they cannot be compared with "
                "this model's",
                "build the gallery again with this model",
            )


@dataclass(frozen=True, eq=False)
class Gallery(Catalogue):
    """Embeddings of known clips, searched by exact cosine.

    Attributes:
        vectors: Network -> (N, D) float32, each row of length 1.
        weights: Network -> its weight in the fused space, in the order of the model's networks.
        skeletons: How the clips are signed, where the gallery holds that.
        notes: What it was built from, as plain text.
    """

    vectors: Mapping[str, Vectors]
    weights: Mapping[str, float]
    skeletons: Skeletons | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what has not one length, or is no unit vector."""
        count = len(self.clips)
        if not self.vectors or not set(self.vectors) <= set(self.weights):
            given = f"vectors of {list(self.vectors)}, weights of {list(self.weights)}"
            raise UsageError("gallery", given, "name the same")
        for name, v in self.vectors.items():
            if v.ndim != 2 or v.dtype != np.float32 or not v.shape[1]:
                raise UsageError("gallery", f"vectors have shape {v.shape}, {v.dtype}", "give (N, D) float32")
            if len(v) != count:
                raise UsageError("gallery", f"{len(v)} vectors of {name} for {count} clips", "give one each")
            if count and not np.allclose(np.linalg.norm(v, axis=1), 1, atol=_UNIT):
                raise UsageError("gallery", "its vectors are not of length 1", "divide each by its length")
        if len({clip.name for clip in self.clips}) != count:
            raise UsageError("gallery", "two of its clips have the same name", "give each its own")
        drawn = self.skeletons
        if drawn is not None and (len(drawn.starts) != count + 1 or drawn.starts[-1] != len(drawn.points)):
            raise UsageError("gallery", "its skeletons are not those of its clips", "give one for each")

    @property
    def spaces(self) -> tuple[str, ...]:
        """Names of the spaces that can be searched."""
        whole = set(self.vectors) == set(self.weights)
        return (*self.vectors, FUSED) if whole else tuple(self.vectors)

    def matrix(self, space: str = FUSED) -> Vectors:
        """The unit vectors (N, D) of a space."""
        if space not in self.spaces:
            raise UsageError("space", f"there is no {space!r}", f"choose from {', '.join(self.spaces)}")
        return self._fused if space == FUSED else self.vectors[space]

    @cached_property
    def _fused(self) -> Vectors:
        return fuse_embeddings(self.vectors, self.weights)

    # -- changing -----------------------------------------------------------------------------

    def joined(self, other: Gallery) -> Gallery:
        """This gallery and another of the same model; a clip of the same name is taken from the other.

        Skeletons are kept when both hold them.
        """
        other.require_space(self.space)
        mine = self.only([row for row, clip in enumerate(self.clips) if clip.name not in other._row_of])
        skeletons = None
        if mine.skeletons is not None and other.skeletons is not None:
            both = (mine.skeletons, other.skeletons)
            skeletons = Skeletons(
                np.concatenate([s.points for s in both]),
                np.concatenate([both[0].starts[:-1], both[0].starts[-1] + both[1].starts]),
            )
        return replace(
            self,
            vectors={name: np.concatenate([own, other.vectors[name]]) for name, own in mine.vectors.items()},
            clips=mine.clips + other.clips,
            skeletons=skeletons,
        )

    def only(self, rows: Sequence[int] | Rows) -> Gallery:
        """Some of the clips."""
        chosen = np.asarray(rows, dtype=np.int64)
        skeletons = None
        if self.skeletons is not None:
            skeletons = Skeletons.of([self.skeletons.clip(int(row)) for row in chosen])
        return replace(
            self,
            vectors={name: own[chosen] for name, own in self.vectors.items()},
            clips=tuple(self.clips[row] for row in chosen.tolist()),
            skeletons=skeletons,
        )

    def duplicates(self) -> list[tuple[str, ...]]:
        """Names of clips that are one recording (one source file, or one stored embedding), by group."""
        first: dict[bytes | str, int] = {}
        group = list(range(len(self)))
        for row, clip in enumerate(self.clips):
            stored = b"".join(v[row].astype(np.float16).tobytes() for v in self.vectors.values())
            for key in (stored, clip.source):
                if key:
                    one, other = _root(group, first.setdefault(key, row)), _root(group, row)
                    group[max(one, other)] = min(one, other)
        members: dict[int, list[str]] = {}
        for row, clip in enumerate(self.clips):
            members.setdefault(_root(group, row), []).append(clip.name)
        return [tuple(names) for names in members.values() if len(names) > 1]

    # -- on disk ------------------------------------------------------------------------------

    def save(self, path: str | Path, dtype: Literal["float16", "float32"] = "float16") -> str:
        """Write the gallery, whole or not at all.

        Args:
            path: Where to; an existing file is replaced.
            dtype: How vectors are stored; float16 moves a cosine by less than 1e-3 and halves the file.

        Returns:
            SHA-256 (hex) of the file, for the model's card.
        """
        columns = {f.name: [getattr(clip, f.name) for clip in self.clips] for f in fields(GalleryClip)}
        tensors: dict[str, NDArray[Any]] = {
            VECTORS + name: own.astype(dtype) for name, own in self.vectors.items()
        }
        if self.skeletons is not None:
            tensors[SKELETON_POINTS] = self.skeletons.points
            tensors[SKELETON_STARTS] = self.skeletons.starts
        described = {
            "model": self.model,
            "space": self.space,
            "notes": dict(self.notes),
            "weights": [[name, float(weight)] for name, weight in self.weights.items()],
        }
        return write_gallery(Path(path), columns, tensors, described)

    @classmethod
    def load(
        cls,
        path: str | Path,
        space: str | None = None,
        *,
        only: str | None = None,
        skeletons: bool = False,
    ) -> Self:
        """Read a gallery.

        Args:
            path: The file.
            space: The embedding space of the model that will ask; None takes any.
            only: Read the vectors of this network alone, which saves memory; None or ``fused`` reads all.
            skeletons: Whether to read the skeletons too, where there are any.

        Raises:
            PartMissing: There is none, it is damaged, or another model made it.
            UsageError: There is no network of that name in it.
        """
        path = Path(path)
        with open_gallery(path) as file:
            drawn = None
            if skeletons and SKELETON_POINTS in file.digests:
                drawn = Skeletons(file.tensor(SKELETON_POINTS), file.tensor(SKELETON_STARTS))
            networks = networks_of(only or FUSED, file.weights, path)
            gallery = cls(
                clips=clips_of(file),
                model=file.document["model"],
                space=file.document["space"],
                vectors={name: unit_vectors(file.tensor(VECTORS + name)) for name in networks},
                weights=file.weights,
                skeletons=drawn,
                notes=file.document["notes"],
            )
        if space is not None:
            gallery.require_space(space, path)
        return gallery

    # -- search -------------------------------------------------------------------------------

    def similarities(
        self, query: NDArray[np.floating], exclude: Rows | None = None, space: str = FUSED
    ) -> NDArray[np.float64]:
        """Cosine of a clip with each of the gallery's; NaN for those that are the clip itself.

        The clip itself is: an excluded one, see `rows_of`, or one with the same embedding
        (`signlens.retrieval.index.SAME_CLIP`), which is the same recording under another name.

        Args:
            query: (D,) embedding in the space, of any length above 0.
            exclude: Rows that must not count.
            space: The space.

        Returns:
            (N,) in -1..1, or NaN.
        """
        vectors = self.matrix(space)
        cosine = cosines(unit_query(query, vectors.shape[1])[None], vectors)[0]
        cosine[cosine >= SAME_CLIP] = np.nan
        if exclude is not None:
            cosine[exclude] = np.nan
        return cosine

    def search(
        self, query: NDArray[np.floating], k: int, exclude: Rows | None = None, space: str = FUSED
    ) -> list[SimilarSign]:
        """The k most similar clips, best first; equally similar ones in the gallery's order.

        A clip never finds itself, see `similarities`, also for the arguments; k is at least 1, and fewer come
        back when the gallery holds fewer.
        """
        excluded = NOTHING if exclude is None else exclude
        return self.signs(ExactIndex(self.matrix(space)).search(query, k, excluded))

    def best(
        self, similarities: NDArray[np.float64], k: int, *, one_per_gloss: bool = False
    ) -> list[SimilarSign]:
        """The k best of `similarities`.

        Args:
            similarities: (N,), NaN for clips that must not be found.
            k: How many at most.
            one_per_gloss: Give each gloss's best clip only, so that k different signs come back.
        """
        order = nearest_first(similarities, max(len(self), 1))
        if one_per_gloss:
            _, first = np.unique(np.array(self.glosses)[order], return_index=True)
            order = order[np.sort(first)]
        return self.signs(Found(order[:k], similarities[order[:k]]))


@dataclass(frozen=True)
class SimilarSign:
    """A clip of the gallery that looks like this one: of similar form, which need not be similar meaning.

    Attributes:
        clip: Its name in the gallery.
        gloss: Its gloss, which is a label and no translation.
        similarity: Cosine, -1..1.
        split: ``train``, ``val`` or ``test`` where its dataset has splits, else empty.
        signer: Who signs; empty where unknown.
    """

    clip: str
    gloss: str
    similarity: float
    split: str = ""
    signer: str = ""


def similar_sign(clip: GalleryClip, similarity: float) -> SimilarSign:
    """A clip of a gallery as a search gives it."""
    return SimilarSign(clip.name, clip.gloss, similarity, clip.split, clip.signer)


def unit_vectors(vectors: NDArray[np.floating]) -> Vectors:
    """(N, D) vectors of any length above 0, each divided by it.

    >>> unit_vectors(np.array([[3.0, 4.0]])).round(1).tolist() == np.float32([[0.6, 0.8]]).tolist()
    True
    """
    single = vectors.astype(np.float32)
    return single / np.maximum(np.linalg.norm(single, axis=1, keepdims=True), np.float32(1e-12))


def clips_of(file: GalleryFile) -> tuple[GalleryClip, ...]:
    """The clips of an open gallery."""
    columns = file.columns()
    rows = zip(*(columns[f.name] for f in fields(GalleryClip)), strict=True)
    return tuple(GalleryClip(*row) for row in rows)


def _root(group: list[int], row: int) -> int:
    while group[row] != row:
        group[row] = row = group[group[row]]
    return row
