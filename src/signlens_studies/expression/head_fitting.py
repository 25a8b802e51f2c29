"""The linear head: training rows, whitening, logistic regression, and what inner folds choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.head import face_features, softmax
from signlens.optional import require_extra
from signlens.pose.face_points import MEASURES, remove_head_pose
from signlens_studies.expression.appearance import (
    Discriminant,
    crop_histograms,
    fit_discriminants,
    fit_shares,
)
from signlens_studies.expression.head_experiment import EmotionExperiment
from signlens_studies.expression.measured_faces import MESHES, NEUTRAL, Faces, FloatArray
from signlens_studies.expression.reference_face import reference_face


@dataclass(frozen=True)
class Rows:
    """Training rows: canonical features of every way a face was measured.

    Attributes:
        features: (R, F).
        label: (R,) index into EMOTIONS.
        weight: (R,) rows of one face sum to 1.
    """

    features: FloatArray
    label: NDArray[np.int64]
    weight: FloatArray


class Bench:
    """Aligned shapes of both sources, and the training rows of any set of persons."""

    def __init__(self, expressions: Faces, signers: Faces, experiment: EmotionExperiment) -> None:
        self.expressions, self.signers, self.experiment = expressions, signers, experiment
        first = expressions.points["crop0/refined"]
        self.reference, self.mirror = reference_face(first)
        self.expression_shapes = {
            k: remove_head_pose(v, self.reference) for k, v in expressions.points.items()
        }
        self.signer_shapes = {k: remove_head_pose(v, self.reference) for k, v in signers.points.items()}
        self.histograms = crop_histograms(expressions.crops, expressions.crop_points, self.reference)
        self.signer_histograms = crop_histograms(signers.crops, signers.crop_points, self.reference)

    def features(self, shape: FloatArray) -> FloatArray:
        """Features of canonical shapes."""
        return face_features(shape, self.mirror)

    def crop_keys(self) -> list[str]:
        """Every crop setting with every mesh."""
        return [f"crop{n}/{mesh}" for n in range(len(self.experiment.crop_margin)) for mesh in MESHES]

    def as_filmed(
        self, key: str, rows: NDArray[np.int64], donors: NDArray[np.int64], seed: int
    ) -> FloatArray:
        """CK+ shapes moved by what being filmed rather than shrunk did to some signer's face.

        Args:
            key: Crop setting and mesh of the CK+ shapes.
            rows: CK+ rows.
            donors: Signer rows to take differences from.
            seed: Of the random pairing.
        """
        generator = np.random.default_rng(seed)
        mesh = key.split("/")[1]
        shrunk = self.signer_shapes[key]
        filmed = self.signer_shapes[f"filmed/{mesh}"]
        # The pose extractor's own mesh is a third way to be filmed.
        choice = generator.random(len(rows)) < 0.5
        pick = generator.choice(donors, size=len(rows))
        target = np.where(choice[:, None, None], filmed[pick], self.signer_shapes["clip"][pick])
        return np.asarray(self.expression_shapes[key][rows] + target - shrunk[pick])

    def training_rows(
        self, expression: NDArray[np.int64], signer: NDArray[np.int64], keys: Sequence[str], seed: int
    ) -> Rows:
        """Rows of some CK+ faces and some signers' faces, each measured in every way of `keys`."""
        shapes, labels, faces = [], [], []
        rest = signer[self.signers.label[signer] == NEUTRAL]
        for number, key in enumerate(keys):
            shapes.append(self.expression_shapes[key][expression])
            shapes.append(self.as_filmed(key, expression, signer, seed + number))
            for _ in range(2):
                labels.append(self.expressions.label[expression])
                faces.append(expression)
            shapes.append(self.signer_shapes[key][rest])
            labels.append(self.signers.label[rest])
            faces.append(-1 - rest)
        for key in ("filmed/refined", "filmed/unrefined", "clip"):
            shapes.append(self.signer_shapes[key][rest])
            labels.append(self.signers.label[rest])
            faces.append(-1 - rest)
        shape, label, face = np.concatenate(shapes), np.concatenate(labels), np.concatenate(faces)
        found = np.isfinite(shape).all(axis=(1, 2))
        shape, label, face = shape[found], label[found], face[found]
        _, group, count = np.unique(face, return_inverse=True, return_counts=True)
        return Rows(self.features(shape), label, 1.0 / count[group])


@dataclass(frozen=True)
class LinearMap:
    """Logits = features @ weights + bias."""

    weights: FloatArray
    bias: FloatArray

    def logits(self, features: FloatArray) -> FloatArray:
        """(K, 8); NaN rows stay NaN."""
        return np.asarray(features @ self.weights + self.bias)


@dataclass(frozen=True)
class Whitening:
    """Measures standardised, outline as principal components of variance 1."""

    mean: FloatArray
    turn: FloatArray

    def cut(self, components: int) -> Whitening:
        """The same with only the first components of the outline."""
        return Whitening(self.mean, self.turn[:, : len(MEASURES) + components])


def whitening(rows: Rows, components: int) -> Whitening:
    """Fit on rows (weighted): standardised measures beside whitened principal components."""
    weight = rows.weight / rows.weight.sum()
    mean = weight @ rows.features
    centred = rows.features - mean
    count = len(MEASURES)
    spread = np.sqrt(weight @ centred[:, :count] ** 2)
    outline = centred[:, count:]
    values, vectors = np.linalg.eigh((outline * weight[:, None]).T @ outline)
    best = np.argsort(-values)[:components]
    scaled = vectors[:, best] / np.sqrt(np.maximum(values[best], 1e-12))
    turn = np.zeros((rows.features.shape[1], count + len(best)))
    turn[:count, :count] = np.diag(1 / spread)
    turn[count:, count:] = scaled
    return Whitening(mean, turn)


def fit_logistic(rows: Rows, white: Whitening, inverse_regularisation: float) -> LinearMap:
    """Multinomial logistic regression on whitened features, multiplied out to one linear map."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise require_extra("studies", "scikit-learn") from error
    inputs = (rows.features - white.mean) @ white.turn
    # Each face counts as if it were six rows: the regularisation's scale does not depend on the
    # number of ways a face was measured.
    model = LogisticRegression(C=inverse_regularisation, max_iter=400, tol=1e-3)
    model.fit(inputs, rows.label, sample_weight=rows.weight * 6)
    weights = np.zeros((white.turn.shape[0], len(EMOTIONS)))
    bias = np.full(len(EMOTIONS), -30.0)
    weights[:, model.classes_] = white.turn @ model.coef_.T
    bias[model.classes_] = model.intercept_ - white.mean @ white.turn @ model.coef_.T
    return LinearMap(weights, bias)


def folds_by_person(person: NDArray[np.str_], folds: int, seed: int) -> NDArray[np.int64]:
    """(N,) fold of each row, whole persons, dealt out in random order."""
    people = np.unique(person)
    place = np.random.default_rng(seed).permutation(len(people)) % folds
    return np.asarray(place[np.searchsorted(people, person)], dtype=np.int64)


def mean_log_loss(probabilities: FloatArray, label: NDArray[np.int64]) -> float:
    """Mean negative log-probability of the labels."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(label)), label], 1e-12)).mean())


@dataclass(frozen=True)
class Setting:
    """What inner folds choose.

    Attributes:
        components: Principal components of the outline.
        inverse_regularisation: Of the logistic regression.
        shrinkage: Of the discriminant's covariance.
        shares: Weights of the discriminant's scores and of the points' logits in their sum.
    """

    components: int
    inverse_regularisation: float
    shrinkage: float
    shares: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values for the report."""
        return {
            "components": self.components,
            "inverse_regularisation": self.inverse_regularisation,
            "appearance_shrinkage": self.shrinkage,
            "shares": [round(v, 4) for v in self.shares],
        }


def select(bench: Bench, expression: NDArray[np.int64], signer: NDArray[np.int64], seed: int) -> Setting:
    """The settings of least log loss in inner folds over the given faces alone.

    Components and regularisation by the eight expressions of the points; then shrinkage and shares by the
    seven of points and picture together, with the points' logits of the same inner folds.
    """
    e = bench.experiment
    inner_expression = folds_by_person(bench.expressions.person[expression], e.inner_folds, seed)
    inner_signer = folds_by_person(bench.signers.person[signer], e.inner_folds, seed)
    keys = ["crop0/refined", "crop0/unrefined"]
    loss: dict[tuple[int, float], float] = {
        (n, c): 0.0 for n in e.components for c in e.inverse_regularisation
    }
    as_measured = np.asarray(bench.features(bench.expression_shapes["crop0/unrefined"][expression]))
    logits = {key: np.full((len(expression), len(EMOTIONS)), np.nan) for key in loss}
    scores = {s: np.full((len(expression), len(EMOTIONS) - 1), np.nan) for s in e.appearance_shrinkage}
    for fold in range(e.inner_folds):
        kept, out = inner_expression != fold, inner_expression == fold
        rows = bench.training_rows(expression[kept], signer[inner_signer != fold], keys, seed + 100 * fold)
        resting = signer[inner_signer == fold]
        resting = resting[bench.signers.label[resting] == NEUTRAL]
        held = expression[out]
        shapes = np.concatenate(
            [bench.expression_shapes["crop0/refined"][held], bench.signer_shapes["crop0/refined"][resting]]
        )
        label = np.concatenate([bench.expressions.label[held], bench.signers.label[resting]])
        found = np.isfinite(shapes).all(axis=(1, 2))
        inputs, label = bench.features(shapes[found]), label[found]
        full = whitening(rows, max(e.components))
        for n, c in loss:
            model = fit_logistic(rows, full.cut(n), c)
            loss[n, c] += mean_log_loss(softmax(model.logits(inputs)), label)
            logits[n, c][out] = model.logits(as_measured[out])
        for shrinkage, branch in train_branches(bench, expression[kept], e.appearance_shrinkage).items():
            scores[shrinkage][out] = branch.scores(bench.histograms[held])
    best = min(loss, key=lambda setting: loss[setting])
    label = bench.expressions.label[expression]
    joint: dict[float, tuple[tuple[float, float], float]] = {}
    for shrinkage, values in scores.items():
        both = np.isfinite(values).all(axis=1) & np.isfinite(logits[best]).all(axis=1)
        joint[shrinkage] = fit_shares(values[both], logits[best][both, 1:], label[both])
    shrinkage = min(joint, key=lambda value: joint[value][1])
    return Setting(*best, shrinkage, joint[shrinkage][0])


def train_branches(
    bench: Bench, expression: NDArray[np.int64], shrinkages: Sequence[float]
) -> dict[float, Discriminant]:
    """The branch that looks at pictures, of some CK+ faces, at each shrinkage."""
    rows = expression[np.isfinite(bench.histograms[expression]).all(axis=1)]
    return fit_discriminants(bench.histograms[rows], bench.expressions.label[rows], shrinkages)


def train(
    bench: Bench,
    expression: NDArray[np.int64],
    signer: NDArray[np.int64],
    setting: Setting,
    seed: int,
) -> LinearMap:
    """The points' head of some faces at a setting."""
    rows = bench.training_rows(expression, signer, bench.crop_keys(), seed)
    return fit_logistic(rows, whitening(rows, setting.components), setting.inverse_regularisation)
