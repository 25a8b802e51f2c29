"""A small made-up map of two spaces, and a source of its clips' poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from signlens_studies.retrieval.embedding_map import EmbeddingMap
from signlens_studies.retrieval.embedding_map_page import write_map

CLIPS = 24


class MadePoses:
    """Hands that move to where the row says."""

    extractor = "made up"

    def prepared(self, rows: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
        joints = np.zeros((len(rows), window, 49, 3), np.float32)
        joints[..., 0] = np.linspace(-1, 1, 49)
        joints[..., 1] = np.asarray(rows)[:, None, None] / CLIPS + np.linspace(0, 1, window)[None, :, None]
        seen = np.ones(joints.shape[:3], np.float32)
        seen[:, :, 7:28] = 0
        return joints, seen


def made_map(emotional: bool = True) -> EmbeddingMap:
    rng = np.random.default_rng(0)
    glosses = tuple(("happy", "book", "sad")[i % 3] for i in range(CLIPS))
    groups = ("happy", "sad") if emotional else ("book", "happy")
    angle = 2 * np.pi * np.arange(CLIPS) / CLIPS
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    return EmbeddingMap(
        split="official",
        rows=np.arange(CLIPS),
        clips=tuple(f"clip-{i}</script>" for i in range(CLIPS)),
        glosses=glosses,
        groups=groups,
        group=np.array([groups.index(g) if g in groups else -1 for g in glosses]),
        emotional=emotional,
        test=np.arange(CLIPS) >= 18,
        vectors={n: rng.normal(size=(CLIPS, 6)).astype(np.float32) for n in ("joint", "bone")},
        places={"joint": circle, "bone": circle[::-1].copy()},
    )


def write_made_map(folder: Path, emotional: bool = True) -> Path:
    picture = folder / "map.png"
    picture.write_bytes(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
            "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
        )
    )
    return write_map(made_map(emotional), MadePoses(), picture, folder / "map.html")
