"""A gallery that many machines share: the same search over a Qdrant server.

A collection holds one point a clip: its vectors, one a space, and what is known of it. Its name ends in the
embedding space, so that a query of another model does not even find it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import PartMissing, UsageError
from signlens.optional import require_extra
from signlens.retrieval.gallery import Gallery, GalleryClip, SimilarSign, similar_sign
from signlens.retrieval.index import NOTHING, NOTHING_FOUND, Found, Rows, check_k, rank_exactly, unit_query

NAME = "signlens"
"""First part of a collection's name, where none is given."""

KEY_VARIABLE = "QDRANT_API_KEY"
"""Environment variable with the server's key, where it wants one."""

_SENT_AT_ONCE = 256
_MARGIN = 8


def connect(where: str) -> Any:
    """A Qdrant client.

    Args:
        where: URL of a server, a folder (Qdrant's local mode, for one process at a time), or ``:memory:``.
    """
    try:
        from qdrant_client import QdrantClient
    except ImportError:
        raise require_extra("service", "qdrant_client") from None
    if where == ":memory:":
        return QdrantClient(where)
    if "://" in where:
        return QdrantClient(
            url=where, api_key=os.environ.get(KEY_VARIABLE) or None, check_compatibility=False
        )
    return QdrantClient(path=where)


def collection_name(space: str, name: str = NAME) -> str:
    """The collection for a model's embeddings, see `signlens.retrieval.gallery.embedding_space`.

    >>> collection_name("0123456789abcdef" * 4)
    'signlens-0123456789abcdef'
    """
    return f"{name}-{space[:16]}"


def publish(gallery: Gallery, client: Any, name: str = NAME) -> str:
    """Put a gallery on a server, in place of an earlier one of the same model and name.

    Searches find the earlier one until all is sent.

    Args:
        gallery: With all its spaces.
        client: See `connect`.
        name: First part of the collection's name.

    Returns:
        The collection's name (on the server, an alias of the collection that was made).
    """
    from qdrant_client import models

    alias = collection_name(gallery.space, name)
    with _server_errors(alias):
        known = {c.name for c in client.get_collections().collections}
        earlier = [n for n in known if n.startswith(f"{alias}-")]
        fresh = next(f"{alias}-{i}" for i in range(len(known) + 1) if f"{alias}-{i}" not in known)
        client.create_collection(
            fresh,
            vectors_config={
                space: models.VectorParams(
                    size=gallery.matrix(space).shape[1], distance=models.Distance.COSINE
                )
                for space in gallery.spaces
            },
        )
        for start in range(0, len(gallery), _SENT_AT_ONCE):
            rows = range(start, min(start + _SENT_AT_ONCE, len(gallery)))
            client.upsert(
                fresh,
                [
                    models.PointStruct(
                        id=row,
                        vector={space: gallery.matrix(space)[row].tolist() for space in gallery.spaces},
                        payload={**asdict(gallery.clips[row]), "model": gallery.model},
                    )
                    for row in rows
                ],
                wait=True,
            )
        for key in ("name", "source"):
            client.create_payload_index(fresh, key, models.PayloadSchemaType.KEYWORD)
        changes: list[Any] = []
        if earlier and any(a.alias_name == alias for a in client.get_aliases().aliases):
            changes.append(models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)))
        changes.append(
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name=fresh, alias_name=alias)
            )
        )
        client.update_collection_aliases(changes)
        for old in earlier:
            client.delete_collection(old)
    return alias


class ServiceIndex:
    """Searches one space of a gallery on a Qdrant server.

    Args:
        client: See `connect`.
        space: The asking model's embedding space.
        name: Which of its spaces: a network, or ``fused``.
        collection: First part of the collection's name.

    Raises:
        PartMissing: The server holds no gallery of this model.
        UsageError: It cannot be asked, or there is no such space.
    """

    def __init__(self, client: Any, space: str, name: str, collection: str = NAME) -> None:
        self._client = client
        self._name = name
        self._collection = collection_name(space, collection)
        with _server_errors(self._collection):
            aliases = {a.alias_name: a.collection_name for a in client.get_aliases().aliases}
            if self._collection not in aliases:
                raise PartMissing(
                    self._collection,
                    "the server holds no gallery of this model, and those of other models cannot be compared",
                    "send one with: signlens gallery publish",
                )
            # The collection, not its alias: results and what is known of them are of one gallery.
            self._held = aliases[self._collection]
            spaces = client.get_collection(self._held).config.params.vectors
            self._count: int = client.count(self._held, exact=True).count
        if name not in spaces:
            raise UsageError("space", f"there is no {name!r}", f"choose from {', '.join(spaces)}")
        self._dimension: int = spaces[name].size

    def __len__(self) -> int:
        """Number of vectors."""
        return self._count

    def search(self, query: NDArray[np.floating], k: int, exclude: Rows = NOTHING) -> Found:
        """See `signlens.retrieval.index.Index.search`; of equally similar clips the server chooses some."""
        from qdrant_client import models

        check_k(k)
        unit = unit_query(query, self._dimension)
        without = None
        if len(exclude):
            without = models.Filter(must_not=[models.HasIdCondition(has_id=exclude.tolist())])
        asked = k + _MARGIN
        while True:
            with _server_errors(self._collection):
                points = self._client.query_points(
                    self._held,
                    query=unit.tolist(),
                    using=self._name,
                    query_filter=without,
                    limit=asked,
                    with_vectors=[self._name],
                    search_params=models.SearchParams(exact=True),
                ).points
            rows = np.array([point.id for point in points], dtype=np.int64)
            vectors = np.array([point.vector[self._name] for point in points]).reshape(len(rows), -1)
            if not len(rows):
                return NOTHING_FOUND
            found = rank_exactly(rows, vectors, unit, k)
            # Copies of the query may have taken all places.
            if len(found.rows) >= k or len(points) < asked:
                return found
            asked *= 2

    def rows_of(self, sources: Set[str] = frozenset(), names: Set[str] = frozenset()) -> Rows:
        """See `signlens.retrieval.gallery.Catalogue.rows_of`."""
        from qdrant_client import models

        known = sorted(source for source in sources if source)
        wanted: list[Any] = [
            models.FieldCondition(key=key, match=models.MatchAny(any=values))
            for key, values in (("source", known), ("name", sorted(names)))
            if values
        ]
        if not wanted:
            return NOTHING
        rows: list[int] = []
        offset = None
        with _server_errors(self._collection):
            while True:
                points, offset = self._client.scroll(
                    self._held, models.Filter(should=wanted), limit=1000, offset=offset, with_payload=False
                )
                rows += [point.id for point in points]
                if offset is None:
                    return np.array(sorted(rows), dtype=np.int64)

    def signs(self, found: Found) -> list[SimilarSign]:
        """What was found, with names."""
        with _server_errors(self._collection):
            points = self._client.retrieve(self._held, found.rows.tolist(), with_payload=True)
        clips = {point.id: _clip(point.payload) for point in points}
        return [
            similar_sign(clips[row], value)
            for row, value in zip(found.rows.tolist(), found.similarities.tolist(), strict=True)
            if row in clips
        ]


def _clip(payload: dict[str, Any]) -> GalleryClip:
    return GalleryClip(*(str(payload.get(field.name, "")) for field in fields(GalleryClip)))


@contextmanager
def _server_errors(collection: str) -> Iterator[None]:
    from qdrant_client.http.exceptions import ApiException

    try:
        yield
    except (ApiException, OSError, ValueError) as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(collection, f"the server cannot be asked ({what})", "check its address") from None
