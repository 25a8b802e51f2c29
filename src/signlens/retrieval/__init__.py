"""Embeddings to similar signs: the gallery, the search, and class scores made of it."""

from signlens.retrieval.gallery import GALLERY_FILE, Gallery, embedding_space
from signlens.retrieval.scores import class_shares, nearest_per_class, retrieval_terms

__all__ = [
    "GALLERY_FILE",
    "Gallery",
    "class_shares",
    "embedding_space",
    "nearest_per_class",
    "retrieval_terms",
]
