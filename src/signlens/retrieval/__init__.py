"""Embeddings to similar signs: the gallery, the search, and class scores made of it."""

from signlens.retrieval.gallery import GALLERY_FILE, Gallery, embedding_space
from signlens.retrieval.scores import (
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
    "GALLERY_FILE",
    "OUTSIDE",
    "TOP_K",
    "Gallery",
    "centroid_means",
    "class_centroids",
    "class_labels",
    "class_means",
    "class_prototypes",
    "class_shares",
    "embedding_space",
    "nearest_per_class",
    "one_hot",
    "retrieval_terms",
    "top_k",
]
