"""Embeddings to similar signs: the gallery, the search, and class scores made of it."""

from signlens.models.embedding import FUSED
from signlens.retrieval.gallery import (
    GALLERY_FILE,
    Gallery,
    GalleryClip,
    SimilarSign,
    embedding_space,
    unit_vectors,
)
from signlens.retrieval.index import ExactIndex, Found, Index, cosines
from signlens.retrieval.votes import (
    OUTSIDE,
    class_labels,
    class_shares,
    retrieval_terms,
)

__all__ = [
    "FUSED",
    "GALLERY_FILE",
    "OUTSIDE",
    "ExactIndex",
    "Found",
    "Gallery",
    "GalleryClip",
    "Index",
    "SimilarSign",
    "class_labels",
    "class_shares",
    "cosines",
    "embedding_space",
    "retrieval_terms",
    "unit_vectors",
]
