"""A gallery whose vectors stay on disk and are read row by row, for one larger than the memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from signlens.errors import PartMissing
from signlens.models.embedding import FUSED, fuse_embeddings
from signlens.retrieval.gallery import Catalogue, clips_of, unit_vectors
from signlens.retrieval.gallery_file import (
    SKELETON_POINTS,
    SKELETON_STARTS,
    VECTORS,
    networks_of,
    open_gallery,
)
from signlens.retrieval.index import Rows, Vectors


@dataclass(frozen=True, eq=False)
class StoredGallery(Catalogue):
    """A gallery on disk.

    Attributes:
        path: Its file.
        weights: Network -> its weight in the fused space.
        digests: Network -> SHA-256 (hex) of its vectors as stored.
    """

    path: Path
    weights: Mapping[str, float]
    digests: Mapping[str, str]

    @classmethod
    def open(cls, path: str | Path, space: str | None = None) -> Self:
        """Open a gallery; of its checksums that of the clips' names is checked, the vectors are not read.

        Args:
            path: The file.
            space: The embedding space of the model that will ask; None takes any.

        Raises:
            PartMissing: As `signlens.retrieval.gallery.Gallery.load`.
        """
        path = Path(path)
        with open_gallery(path) as file:
            stored = cls(
                clips=clips_of(file),
                model=file.document["model"],
                space=file.document["space"],
                path=path,
                weights=file.weights,
                digests={name: file.digests[VECTORS + name] for name in file.weights},
            )
        if space is not None:
            stored.require_space(space, path)
        return stored

    def digest(self, space: str) -> str:
        """What the vectors of a space are made of, as SHA-256 (hex)."""
        networks = networks_of(space, self.weights, self.path)
        if space != FUSED:
            return self.digests[space]
        words = json.dumps([[name, self.weights[name], self.digests[name]] for name in networks])
        return hashlib.sha256(words.encode()).hexdigest()

    def vectors_at(self, rows: Rows, space: str = FUSED) -> Vectors:
        """The unit vectors (len(rows), D) of some clips.

        Raises:
            PartMissing: The file is no longer there, or was changed.
            UsageError: There is no such space.
        """
        networks = networks_of(space, self.weights, self.path)
        with open_gallery(self.path) as file:
            if {name: file.digests[VECTORS + name] for name in self.digests} != self.digests:
                raise PartMissing(self.path, "it was replaced while it was in use", "start again")
            found = {}
            for name in networks:
                part = file.rows(VECTORS + name)
                found[name] = unit_vectors(np.concatenate([part[r : r + 1] for r in rows.tolist()]))
        return fuse_embeddings(found, self.weights) if space == FUSED else found[space]

    def skeletons_of(self, names: Set[str]) -> dict[str, NDArray[np.float32]]:
        """How some clips are signed: name -> (T, 49, 2), see `signlens.retrieval.gallery.Skeletons`.

        Empty where the gallery holds no skeletons; names that are not in the gallery are passed over.
        """
        with open_gallery(self.path) as file:
            if SKELETON_POINTS not in file.digests:
                return {}
            points, starts = file.rows(SKELETON_POINTS), file.tensor(SKELETON_STARTS)
            rows = {name: row for name in sorted(names) if (row := self.row(name)) is not None}
            return {
                name: points[int(starts[row]) : int(starts[row + 1])].astype(np.float32)
                for name, row in rows.items()
            }
