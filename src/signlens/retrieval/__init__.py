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
    TOP_K,
    centroid_means,
    class_centroids,
    class_labels,
    class_means,
    class_prototypes,
    class_shares,
    nearest_per_class,
    one_hot,
    retrieval_terms,
    top_k,
)

__all__ = [
    "FUSED",
    "GALLERY_FILE",
    "OUTSIDE",
    "TOP_K",
    "ExactIndex",
    "Found",
    "Gallery",
    "GalleryClip",
    "Index",
    "SimilarSign",
    "centroid_means",
    "class_centroids",
    "class_labels",
    "class_means",
    "class_prototypes",
    "class_shares",
    "cosines",
    "embedding_space",
    "nearest_per_class",
    "one_hot",
    "retrieval_terms",
    "top_k",
    "unit_vectors",
]
