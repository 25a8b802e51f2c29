"""The expression head: canonical face shape to calibrated probabilities of eight expressions.

A multinomial logistic regression. Training whitens the shape by principal components and
regularises there (`signlens_studies.expression.head`); since every step is linear, the shipped head is the
one matrix that they multiply out to. Beside it stands a branch that looks at the face's picture, where there
is one (`signlens.emotion.appearance`); without a picture the points answer alone.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.appearance import HISTOGRAMS, AppearanceHead, Framing, describe
from signlens.emotion.expressions import EMOTIONS
from signlens.errors import PartMissing
from signlens.files import whole_file
from signlens.pose.face_points import MEASURES, POINTS, measures, remove_head_pose, symmetric_outline

FORMAT = 2
WEIGHTS_FILE = "landmarks.npz"
DESCRIPTION_FILE = "landmarks.json"
SHIPPED = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class ExpressionHead:
    """A reference face and the linear head that reads shapes aligned to it.

    Attributes:
        version: Name of this set of weights.
        sha256: Hash of the weights file (hex); empty for a head that was never saved.
        reference: (468, 3) face that head pose is removed against.
        mirror: (468,) which point is which point's mirror image.
        weights: (F, 8) from features to logits, in the order of `signlens.emotion.expressions.EMOTIONS`.
        bias: (8,).
        temperature: The points' logits are divided by it before the softmax; above 1 softens.
        neutral: (8,) mean log-probabilities of held-out signers' faces at rest: what this head usually says
            of a resting face (see `signlens.emotion.resting_face`).
        appearance: The branch that looks at pictures; None for a head without one.
    """

    version: str
    sha256: str
    reference: NDArray[np.float64]
    mirror: NDArray[np.int64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    temperature: float
    neutral: NDArray[np.float64]
    appearance: AppearanceHead | None = None

    def features(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Measures and symmetric outline of faces.

        Args:
            points: (K, 468, 3) pixels, NaN rows where there is no face.

        Returns:
            (K, F); NaN rows where there is no face.
        """
        return face_features(remove_head_pose(points, self.reference), self.mirror)

    def probabilities(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Calibrated probabilities of the eight expressions, from face points alone.

        Args:
            points: (K, 468, 3) pixels, NaN rows where there is no face.

        Returns:
            (K, 8) rows that sum to 1; NaN rows where there is no face.
        """
        return softmax(self._logits(points) / self.temperature)

    def probabilities_with_pictures(
        self,
        points: NDArray[np.floating],
        images: Sequence[NDArray[np.uint8] | None],
        image_points: NDArray[np.floating] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Calibrated probabilities, with the face's picture where it can be looked at.

        Args:
            points: (K, 468, 3) pixels, NaN rows where there is no face.
            images: K images, RGB; None where there is none.
            image_points: (K, 468, 3) the points in the images' pixels; None when those are `points`.

        Returns:
            (K, 8) rows that sum to 1, NaN where there is no face; and (K,) whether the picture was used.
        """
        if self.appearance is None or len(points) == 0:
            return self.probabilities(points), np.zeros(len(points), dtype=bool)
        logits = self._logits(points) / self.temperature
        rows = softmax(logits)
        histograms = np.full((len(points), HISTOGRAMS), np.nan)
        inside = points if image_points is None else image_points
        for row, (face, image) in enumerate(zip(inside, images, strict=True)):
            if image is not None and np.isfinite(logits[row]).all():
                histograms[row] = describe(image, face, self.appearance.framing, self.reference)
        used = np.isfinite(histograms).all(axis=1)
        scores = self.appearance.scores(histograms[used])
        rows[used] = softmax(self.appearance.joined(logits[used], scores))
        return rows, used

    def _logits(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(self.features(points) @ self.weights + self.bias)


def face_features(shape: NDArray[np.floating], mirror: NDArray[np.integer]) -> NDArray[np.float64]:
    """What the head reads: `measures` then `symmetric_outline`, (K, F), of canonical shapes."""
    return np.concatenate([measures(shape), symmetric_outline(shape, mirror)], axis=1)


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Softmax over the last axis, safe for large logits; NaN rows stay NaN.

    >>> softmax(np.array([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    values = np.asarray(logits, dtype=np.float64)
    if not values.size:
        return values
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def save_head(head: ExpressionHead, folder: str | Path, facts: dict[str, Any]) -> str:
    """Write the weights (npz, no pickle) and their description (JSON, with the hash).

    Args:
        head: The head; its ``sha256`` is not read.
        folder: Where to; made when absent.
        facts: Training facts for the description, plain JSON values.

    Returns:
        SHA-256 of the weights file (hex).
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    arrays: dict[str, NDArray[Any] | np.float64] = {
        "reference": head.reference.astype(np.float32),
        "mirror": head.mirror.astype(np.int16),
        "weights": head.weights.astype(np.float32),
        "bias": head.bias.astype(np.float32),
        "temperature": np.float64(head.temperature),
        "neutral": head.neutral.astype(np.float32),
    }
    if head.appearance is not None:
        branch = head.appearance
        arrays |= {
            "appearance_framing": np.array([branch.framing.x, branch.framing.y, branch.framing.span]),
            "appearance_weights": branch.weights.astype(np.float32),
            "appearance_bias": branch.bias.astype(np.float32),
            "appearance_shares": np.array([branch.appearance_share, branch.points_share]),
        }
    np.savez(buffer, **arrays)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    description = {
        "format": FORMAT,
        "version": head.version,
        "sha256": digest,
        "emotions": list(EMOTIONS),
        "measures": list(MEASURES),
        **facts,
    }
    with whole_file(target / WEIGHTS_FILE) as part:
        part.write_bytes(buffer.getvalue())
    with whole_file(target / DESCRIPTION_FILE) as part:
        part.write_bytes((json.dumps(description, indent=2) + "\n").encode())
    return digest


def load_head(folder: str | Path | None = None) -> ExpressionHead:
    """Read a head and check it against the hash in its description.

    Args:
        folder: Folder with ``landmarks.npz`` and ``landmarks.json``; None for the shipped head.

    Raises:
        PartMissing: A file is absent, does not match its hash, or is not such a head.
    """
    source = SHIPPED if folder is None else Path(folder)
    remedy = (
        "reinstall signlens"
        if folder is None
        else "train it again (python -m signlens_studies expression head)"
    )
    path = source / WEIGHTS_FILE
    try:
        description = json.loads((source / DESCRIPTION_FILE).read_text(encoding="utf-8"))
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise PartMissing(path, f"the expression head cannot be read ({error})", remedy) from error
    digest = hashlib.sha256(data).hexdigest()
    if not isinstance(description, dict) or description.get("sha256") != digest:
        raise PartMissing(path, "the expression head does not match its SHA-256", remedy)
    if description.get("format") != FORMAT or description.get("emotions") != list(EMOTIONS):
        raise PartMissing(path, "the expression head is of another format", remedy)
    if description.get("measures") != list(MEASURES):
        raise PartMissing(path, "the expression head was trained on other measures", remedy)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            head = ExpressionHead(
                version=str(description["version"]),
                sha256=digest,
                reference=stored["reference"].astype(np.float64),
                mirror=stored["mirror"].astype(np.int64),
                weights=stored["weights"].astype(np.float64),
                bias=stored["bias"].astype(np.float64),
                temperature=float(stored["temperature"]),
                neutral=stored["neutral"].astype(np.float64),
                appearance=_stored_branch(stored) if "appearance_weights" in stored.files else None,
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PartMissing(path, f"the expression head cannot be read ({error})", remedy) from error
    fits = head.reference.shape == (POINTS, 3) and head.weights.shape[1:] == (len(EMOTIONS),)
    if head.appearance is not None:
        fits = fits and head.appearance.weights.shape == (HISTOGRAMS, len(EMOTIONS) - 1)
    if not fits:
        raise PartMissing(path, "the expression head has the wrong shapes", remedy)
    return head


def _stored_branch(stored: Any) -> AppearanceHead:
    framing, shares = (
        [float(v) for v in stored[name]] for name in ("appearance_framing", "appearance_shares")
    )
    return AppearanceHead(
        framing=Framing(*framing),
        weights=stored["appearance_weights"].astype(np.float64),
        bias=stored["appearance_bias"].astype(np.float64),
        appearance_share=shares[0],
        points_share=shares[1],
    )
