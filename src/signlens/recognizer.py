"""The main job: a clip in; its gloss, its expression and similar signs out, with the evidence for each.

The steps, in order: video -> poses (or a `.pose` file is read) -> expression -> networks -> similar
signs -> fusion -> answer. Everything runs offline with what the package ships.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from signlens.answer import Answer, Prediction, decide
from signlens.emotion import (
    EmotionProvider,
    FaceAlbum,
    FrameReadings,
    GlossMap,
    LandmarkProvider,
    SignerBaseline,
    face_terms,
    load_gloss_map,
    read_frames,
    signer_baseline,
    summarise,
)
from signlens.emotion.explain import Explaining
from signlens.emotion.expressions import EmotionReading
from signlens.emotion.head import load_head
from signlens.emotion.resting_face import resting_frames
from signlens.errors import InputRejected, PartMissing, SignLensError, UsageError
from signlens.fusion.evidence import FusionSettings, combine
from signlens.fusion.stack import STACK_FILE, BoostInfo, Evidence, FusionInfo, ModelStack, Parts
from signlens.models.ensemble import log_softmax
from signlens.models.sign_model import STARTER, SignModel, SignScores
from signlens.orientation.correction import Orientation, correct
from signlens.pose import PoseClip, check_provenance, read_pose
from signlens.reasons import Reason
from signlens.recognition import ClipInfo, PoseInfo, Recognition
from signlens.retrieval import (
    FUSED,
    GALLERY_FILE,
    Gallery,
    class_labels,
    class_shares,
    embedding_space,
    retrieval_terms,
)
from signlens.retrieval.gallery import SimilarSign
from signlens.signing.intensity import measure_intensity
from signlens.signing.markers import MarkerReading, read_markers

if TYPE_CHECKING:
    from signlens.pose.holistic import HolisticExtractor
    from signlens.video import VideoLimits

POSE_SUFFIX = ".pose"

Array = NDArray[np.float64]
Progress = Callable[[int], None]


def recognize(
    source: str | Path,
    *,
    limits: VideoLimits | None = None,
    fusion: FusionSettings | None = None,
    model: str | Path | None = None,
    top_k: int = 5,
    progress: Progress | None = None,
) -> Recognition:
    """Say which sign one clip shows, what the face shows, and which known signs look alike.

    For many clips, share a `Recognizer`: loading the networks takes longer than a clip's answer.

    Args:
        source: A video, a `.pose` file, or a camera such as ``camera:0``.
        limits: Caps on what is decoded; `VideoLimits()` when None.
        fusion: How much expression and similar signs count; when None, as the model's own validation chose.
        model: A sign model's folder; the shipped one when None.
        top_k: How many predictions to give.
        progress: Called with the number of frames done.

    Raises:
        InputRejected: The clip cannot be answered; the message says why.
        PartMissing: A model or a library is not there.
        UsageError: An argument out of range.
    """
    with Recognizer(model, limits=limits, fusion=fusion, top_k=top_k) as recognizer:
        return recognizer.recognize(source, progress=progress)


class Recognizer:
    """Holds the sign model, its gallery, the expression head and the pose extractor for many clips.

    The pose extractor is loaded with the first video; `.pose` files need none. Use as a context
    manager, or call `close`. Not for use by two threads at once.

    Args:
        model: A sign model's folder; the shipped one when None.
        limits: Caps on what is decoded; `VideoLimits()` when None. Limits that are given also hold for
            the length of `.pose` files.
        fusion: How much expression and similar signs count. When None, as the model's own validation chose:
            by its stack (``stack.json``), or not at all.
        top_k: How many predictions to give, at least 1.
        similar: How many similar signs to give, at least 0.
        correct_orientation: Whether a signer who is turned or tilted is turned to the camera first.
        gloss_map: Which glosses an expression speaks for: a TOML file or the name of a shipped map; the
            shipped default when None. Read only where the expression counts.
        emotion_provider: Who reads the face (`signlens.emotion.open_provider`); the shipped one when None.
        emotion_samples: How many frames of a clip it reads, uniformly spread; None for all.

    Raises:
        InputRejected: The gloss map cannot be read.
        PartMissing: A model is missing or damaged.
        UsageError: An argument out of range.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        limits: VideoLimits | None = None,
        fusion: FusionSettings | None = None,
        top_k: int = 5,
        similar: int = 5,
        correct_orientation: bool = True,
        gloss_map: str | Path | None = None,
        emotion_provider: EmotionProvider | None = None,
        emotion_samples: int | None = 16,
    ) -> None:
        if emotion_samples is not None and emotion_samples < 1:
            raise UsageError(
                "emotion-frames",
                f"{emotion_samples} frames cannot be read",
                "give at least 1, or None for all",
            )
        if top_k < 1:
            raise UsageError("top-k", f"{top_k} predictions cannot be given", "give at least 1")
        if similar < 0:
            raise UsageError("similar", f"{similar} similar signs cannot be given", "give 0 or more")
        self.fusion = fusion or FusionSettings()
        self.limits = limits
        self.top_k = top_k
        self.similar = similar
        self.correct_orientation = correct_orientation
        self.model = SignModel(STARTER if model is None else Path(model))
        card = json.loads((self.model.folder / "model.json").read_text(encoding="utf-8"))
        self.space = embedding_space(card)
        self._language = str(card.get("language", "ASL"))
        self._expression: EmotionProvider = emotion_provider or LandmarkProvider()
        self._emotion_samples = emotion_samples
        self._baseline: SignerBaseline | None = None
        self._seen: dict[str, _Seen] = {}
        self._reference_face = load_head().reference
        self._gloss_map = load_gloss_map(gloss_map) if self.fusion.emotion_strength else None
        self.boost = self._boost_info(self._gloss_map)
        self.identity = {**self.model.identity, "expression": self._expression.version}
        self.gallery: Gallery | None = None
        path = self.model.folder / GALLERY_FILE
        if path.is_file():
            self.gallery = Gallery.load(path, self.space)
            self.identity["gallery"] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif self.fusion.retrieval_strength:
            self._require_gallery()
        self.stack = self._stack_of_model() if fusion is None else None
        self.fused_by = self._fusion_info(fusion)
        self._extractor: HolisticExtractor | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the pose extractor and its threads; the next video loads it again."""
        self._stack.close()
        self._extractor = None

    # -- the main job -------------------------------------------------------------------------

    def recognize(
        self,
        source: str | Path,
        *,
        reject: Literal["raise", "return"] = "raise",
        progress: Progress | None = None,
    ) -> Recognition:
        """Answer one clip.

        Args:
            source: A video, a `.pose` file, or a camera such as ``camera:0``.
            reject: What to do with a clip that cannot be answered: ``raise`` the error, or ``return``
                a `Recognition` with status ``rejected`` whose one reason is the error's message.
            progress: Called with the number of frames done.

        Raises:
            InputRejected: The clip cannot be answered (unless it is to be returned).
            PartMissing: A model or a library is not there.
        """
        return self.analyse(source, reject=reject, progress=progress)[0]

    def analyse(
        self,
        source: str | Path,
        *,
        reject: Literal["raise", "return"] = "raise",
        progress: Progress | None = None,
    ) -> tuple[Recognition, PoseClip | None]:
        """As `recognize`, and the poses beside the answer (None for a rejected clip)."""
        try:
            started = time.perf_counter()
            seen = self._seen.pop(str(source), None)
            if seen is None:
                seen = self._look(source, progress)
            else:
                started -= (seen.timing["pose"] + seen.timing["emotion"]) / 1000
            return self._answer(seen.clip, str(source), seen.timing, started, seen.readings), seen.clip
        except InputRejected as error:
            if reject == "raise":
                raise
            return rejection(source, error), None

    def recognize_poses(self, clip: PoseClip, path: str | Path | None = None) -> Recognition:
        """Answer a clip whose poses are at hand.

        Args:
            clip: The poses.
            path: What to call the clip; its source's name when None.

        Raises:
            InputRejected: The signer's nose and shoulders show in no frame.
        """
        name = clip.provenance.source.get("name", "poses") if path is None else str(path)
        started = time.perf_counter()
        timing = {"decode": 0.0, "pose": 0.0}
        return self._answer(clip, name, timing, started, self._read_face(clip, None, timing))

    def poses(self, source: str | Path, progress: Progress | None = None) -> PoseClip:
        """The poses of a video or a camera, or those in a `.pose` file.

        Raises:
            InputRejected: It cannot be read, is over a cap, or shows no person.
            PartMissing: The pose extractor's networks or libraries are not there.
        """
        return self._timed_poses(source, progress)[0]

    def search(
        self, source: str | Path, k: int = 10, progress: Progress | None = None, *, space: str = FUSED
    ) -> tuple[list[SimilarSign], PoseClip]:
        """The k clips of the gallery that look most like this one, and this one's poses.

        Args:
            source: A video, a `.pose` file, or a camera such as ``camera:0``.
            k: How many.
            progress: Called with the number of frames done.
            space: A network's embedding, or ``fused``.

        Raises:
            InputRejected: The clip cannot be answered.
            PartMissing: The model has no gallery.
            UsageError: k below 1, or no such space.
        """
        gallery = self._require_gallery()
        gallery.matrix(space)
        clip = self.poses(source, progress)
        query = self.embed(clip, str(source))[0].embedding_in(space)
        return gallery.search(query, k, gallery.rows_of(source_hashes(clip)), space), clip

    def embed(self, clip: PoseClip, name: str) -> tuple[SignScores, PoseClip]:
        """What the networks make of a clip (scores and embeddings), turned to the camera as for recognition.

        Args:
            clip: The poses.
            name: What to call the clip in an error.

        Raises:
            InputRejected: The signer's nose and shoulders show in no frame.

        Returns:
            The scores, and the clip as the networks saw it.
        """
        straight, _ = self._straight(clip)
        return self._score(straight, name), straight

    def empty_gallery(self, notes: Mapping[str, str] | None = None) -> Gallery:
        """A gallery for this model's embeddings that holds no clip yet.

        Args:
            notes: What its clips will come from.
        """
        return Gallery(
            clips=(),
            model=f"{self.model.name} {self.model.version}",
            space=self.space,
            vectors={
                name: np.zeros((0, size), np.float32) for name, size in self.model.embedding_sizes.items()
            },
            weights=self.model.weights,
            notes=notes or {},
        )

    def learn_signer(
        self, sources: Sequence[str | Path], progress: Callable[[int, str], Progress] | None = None
    ) -> SignerBaseline | None:
        """Take the resting face of one signer, whom several clips show, as neutral from here on.

        What is seen of the clips is kept until `recognize` or `analyse` is asked about each of them, so that
        no video is read twice. A clip that cannot be answered is left out here and rejected there.

        Args:
            sources: Clips of one and the same signer.
            progress: Called with a clip's number and name; gives what is called with its frames.

        Returns:
            The baseline; None when fewer than two of the clips show a face at rest, and nothing changes then.

        Raises:
            PartMissing: A model or a library is not there.
        """
        self._baseline = None
        resting = []
        for number, source in enumerate(sources):
            try:
                seen = self._look(source, None if progress is None else progress(number, str(source)))
            except InputRejected:
                continue
            self._seen[str(source)] = seen
            if seen.readings is not None:
                rests = np.isin(seen.readings.frames, resting_frames(seen.clip))
                resting.append(seen.readings.expressions.probabilities[rests])
        self._baseline = signer_baseline(resting, self._expression.neutral)
        return self._baseline

    # -- the steps ----------------------------------------------------------------------------

    def _look(self, source: str | Path, progress: Progress | None) -> _Seen:
        """Poses and what the face shows: the part of the job that does not need the signer's baseline."""
        album = None
        if self._expression.face_side and not is_pose_file(source):
            album = FaceAlbum(self._expression.face_side)
        clip, timing = self._timed_poses(source, progress, album)
        return _Seen(clip, self._read_face(clip, album, timing), timing)

    def _read_face(
        self, clip: PoseClip, album: FaceAlbum | None, timing: dict[str, float]
    ) -> FrameReadings | None:
        with _timed(timing, "emotion"):
            if self._expression.needs_images and album is None:
                return None
            return read_frames(clip, self._emotion_samples, self._expression, album=album)

    def _timed_poses(
        self, source: str | Path, progress: Progress | None, album: FaceAlbum | None = None
    ) -> tuple[PoseClip, dict[str, float]]:
        timing: dict[str, float] = {}
        if is_pose_file(source):
            with _timed(timing, "decode"):
                clip = read_pose(source)
            timing["pose"] = 0.0
            self._check_length(clip, source)
            return clip, timing
        with _timed(timing, "pose"):
            if self._extractor is None:
                from signlens.pose.holistic import HolisticExtractor

                self._extractor = self._stack.enter_context(HolisticExtractor())
            on_face = None if album is None else album.add
            clip = self._extractor.extract(source, self.limits, progress, on_face)
        return clip, {"decode": 1000 * self._extractor.decode_s, **timing}

    def _check_length(self, clip: PoseClip, source: str | Path) -> None:
        limits = self.limits
        if limits is None:
            return
        if clip.frames > limits.max_frames:
            raise InputRejected(
                source, f"it has {clip.frames} frames, over the limit of {limits.max_frames}", _SHORTER
            )
        if clip.times[-1] > limits.max_seconds:
            raise InputRejected(
                source,
                f"it lasts {clip.times[-1]:.1f} s, over the limit of {limits.max_seconds:g} s",
                _SHORTER,
            )

    def _straight(self, clip: PoseClip) -> tuple[PoseClip, Orientation | None]:
        """The clip turned to the camera, where the signer is not; and how they stood."""
        if not self.correct_orientation:
            return clip, None
        straight, done = correct(clip)
        return straight, Orientation(
            yaw_degrees=_or_none(done.measured_yaw),
            roll_degrees=_or_none(done.measured_roll),
            turned_by_degrees=_or_none(done.applied_yaw) or 0.0,
            levelled_by_degrees=_or_none(done.applied_roll) or 0.0,
            sentences=done.sentences(),
        )

    def _score(self, clip: PoseClip, name: str) -> SignScores:
        try:
            return self.model.score(clip)
        except InputRejected as error:
            raise InputRejected(name, error.problem, error.remedy) from None

    def _answer(
        self,
        clip: PoseClip,
        name: str,
        timing: dict[str, float],
        started: float,
        readings: FrameReadings | None,
    ) -> Recognition:
        emotion = None if readings is None else summarise(readings, self._baseline)
        read_in = timing["emotion"]
        with _timed(timing, "emotion"):
            markers = read_markers(clip, self._reference_face)
            intensity = measure_intensity(clip)
        timing["emotion"] += read_in
        with _timed(timing, "recognize"):
            straight, orientation = self._straight(clip)
            scores = self._score(straight, name)
        similar: list[SimilarSign] = []
        similarities = None
        with _timed(timing, "retrieve"):
            if self.gallery is not None:
                similarities = self.gallery.similarities(
                    scores.embedding, self.gallery.rows_of(source_hashes(clip))
                )
                similar = self.gallery.best(similarities, self.similar, one_per_gloss=True)
            fused, terms, explaining = self._fuse(scores.log_probabilities, emotion, markers, similarities)
        scores = dataclasses.replace(scores, log_probabilities=fused)
        reasons = self._reasons(clip, emotion)
        timing["total"] = 1000 * (time.perf_counter() - started)
        return Recognition(
            path=name,
            status="degraded" if reasons else "ok",
            reasons=reasons,
            clip=ClipInfo(
                path=name,
                frames=clip.frames,
                fps=clip.fps,
                duration_s=float(clip.times[-1]) + 1 / clip.fps,
                width=clip.width,
                height=clip.height,
            ),
            pose=PoseInfo(clip.provenance.extractor, clip.provenance.version, clip.frames, clip.coverage()),
            orientation=orientation,
            answer=self._decide(scores),
            predictions=self._predictions(fused, *terms),
            emotion=emotion,
            markers=markers.markers if markers.readable else None,
            markers_reasons=markers.reasons,
            intensity=intensity,
            explaining=explaining,
            similar=tuple(similar),
            model=dict(self.identity),
            timing_ms=timing,
            boost=self.boost,
            fusion=self.fused_by,
        )

    def _stack_of_model(self) -> ModelStack | None:
        """The model's stack, where validation chose to use it.

        Raises:
            PartMissing: It is damaged or another model's, or what it reads is missing.
        """
        path = self.model.folder / STACK_FILE
        if not path.is_file():
            return None
        found = ModelStack.load(path, self.model.classes)
        if found.used and found.stack.retrieval:
            self._require_gallery()
        if found.used and found.stack.emotion:
            self._gloss_map = load_gloss_map()
            if self._gloss_map.sha256 != found.gloss_map_sha256:
                raise PartMissing(
                    path,
                    "it was learned for another gloss map than the shipped one",
                    "export the model again",
                )
        return found

    def _fusion_info(self, given: FusionSettings | None) -> FusionInfo:
        if given is not None:
            asked = given.emotion_strength or given.retrieval_strength
            return FusionInfo("strengths" if asked else "skeleton", "By the strengths that were asked for.")
        if self.stack is None:
            return FusionInfo("skeleton", "The model has no stack.")
        if not self.stack.used:
            return FusionInfo("skeleton", self.stack.why)
        made = self.stack.stack
        parts = {"skeleton": made.skeleton, "emotion": made.emotion, "retrieval": made.retrieval}
        return FusionInfo("stack", self.stack.why, parts)

    def _fuse(
        self,
        skeleton: Array,
        emotion: EmotionReading | None,
        markers: MarkerReading,
        similarities: Array | None,
    ) -> tuple[Array, tuple[Array, Array, Array], Explaining | None]:
        """Log-probabilities (C,); the terms of skeleton, emotion and retrieval that sum to them; explanation.

        The terms sum to the log-probabilities up to one number for all classes.
        """
        if self.stack is None or not self.stack.used:
            fusion = self.fusion
            boost, explaining = self._emotion_terms(
                emotion, markers, skeleton, fusion.emotion_strength, fusion.emotion_top_k
            )
            neighbours = np.zeros_like(skeleton)
            if self.gallery is not None and similarities is not None:
                neighbours = self._retrieval_terms(self.gallery, similarities)
            return combine(skeleton, boost, neighbours), (skeleton, boost, neighbours), explaining
        vote, classes = self.stack.vote, self.model.classes
        shares = None
        expression, explaining = self._emotion_terms(emotion, markers, skeleton, 1.0, vote.emotion_top_k)
        if self.gallery is not None and similarities is not None:
            owners = class_labels(self.gallery.glosses, classes)
            shares = class_shares(similarities, owners, len(classes), vote.neighbours, vote.temperature)[None]
        terms = self.stack.stack.terms(Parts(skeleton[None], expression[None], shares))
        parts = terms["skeleton"][0], terms["emotion"][0], terms["retrieval"][0]
        return log_softmax(parts[0] + parts[1] + parts[2]), parts, explaining

    def _boost_info(self, gloss_map: GlossMap | None) -> BoostInfo | None:
        if gloss_map is None:
            return None
        return BoostInfo(
            gloss_map.name,
            gloss_map.sha256,
            self.fusion.emotion_strength,
            self.fusion.emotion_top_k,
            gloss_map.unknown(self.model.classes),
        )

    def _emotion_terms(
        self,
        emotion: EmotionReading | None,
        markers: MarkerReading,
        skeleton: Array,
        strength: float,
        top_k: int,
    ) -> tuple[Array, Explaining | None]:
        if self._gloss_map is None:
            return np.zeros_like(skeleton), None
        found = face_terms(
            self.model.classes,
            emotion,
            markers.markers,
            self._gloss_map,
            strength,
            top_k,
            skeleton,
            explain=self.fusion.explain_markers,
        )
        return found.terms, found.explaining

    def _retrieval_terms(self, gallery: Gallery, similarities: Array) -> Array:
        fusion = self.fusion
        if not fusion.retrieval_strength:
            return np.zeros(len(self.model.classes))
        shares = class_shares(
            similarities,
            class_labels(gallery.glosses, self.model.classes),
            len(self.model.classes),
            fusion.retrieval_neighbours,
            fusion.retrieval_temperature,
        )
        return retrieval_terms(shares, fusion.retrieval_strength)

    def _predictions(
        self, fused: Array, skeleton: Array, boost: Array, neighbours: Array
    ) -> tuple[Prediction, ...]:
        """The best of the vocabulary and idle. What other classes (letters) hold stays outside of them."""
        listed = [*range(len(self.model.glosses)), *([] if self.model.idle is None else [self.model.idle])]
        listed.sort(key=lambda i: -fused[i])  # stable: ties keep the vocabulary's order
        return tuple(
            Prediction(
                self.model.classes[i],
                float(np.exp(fused[i])),
                Evidence(float(skeleton[i]), float(boost[i]), float(neighbours[i])),
            )
            for i in listed[: self.top_k]
        )

    def _decide(self, scores: SignScores) -> Answer:
        below = self.stack.unknown_below if self.stack is not None and self.stack.used else None
        kind, gloss = decide(self.model, scores, below)
        probability = np.exp(scores.log_probabilities)
        if kind == "sign" and gloss is not None:
            value = probability[self.model.classes.index(gloss)]
            sign = f"{self._language} sign glossed {gloss.upper()}"
            return Answer(kind, gloss, f"This looks like the {sign} (probability {value:.2f}).")
        if kind == "no_sign":
            if scores.signing.hand_share == 0:
                return Answer(kind, None, "No signing was found: no hand is seen in any frame.")
            if scores.only_rest:
                return Answer(kind, None, "No signing was found: no hand is seen to leave its rest.")
            value = probability.max()  # of idle, the best
            text = f"No signing was found: the hands look idle (probability {value:.2f})."
            return Answer(kind, None, text)
        nearest = int(probability[: len(self.model.glosses)].argmax())
        text = (
            f"No sign of this model's vocabulary of {len(self.model.glosses)} glosses fits well; "
            f"the nearest is {self.model.classes[nearest].upper()} (probability {probability[nearest]:.2f})."
        )
        return Answer(kind, None, text)

    def _reasons(self, clip: PoseClip, emotion: EmotionReading | None) -> tuple[Reason, ...]:
        """Why an answer is worth less than it could be, none twice."""
        reasons = list(clip.reasons)
        codes = {reason.code for reason in reasons}

        def note(code: str, text: str) -> None:
            if code not in codes:
                reasons.append(Reason(code, text))

        other = check_provenance(clip, self.model.extractor)
        if other is not None:
            reasons.append(other)
        covered = clip.coverage()
        if not (covered.left_hand or covered.right_hand):
            note("hands_not_seen", "No hand is seen in any frame, so the sign cannot be read well.")
        if emotion is None and "face_not_seen" not in codes:
            if self._expression.needs_images and covered.face:
                name = self._expression.name
                text = f"The emotion provider {name} found no picture of the face to read, "
                note("no_face_picture", text + "so no expression is given.")
            elif clip.face_mesh is None:
                note("no_face_mesh", "These poses carry no face mesh, so no expression can be read.")
            else:
                text = "The face is not seen in any frame, so its expression cannot be read."
                note("face_not_seen", text)
        if self._gloss_map is not None and (self._gloss_map.class_emotions(self.model.classes) < 0).all():
            text = f"The model knows none of the glosses of the map {self._gloss_map.name}, "
            note("gloss_map_unknown", text + "so the expression counts for none.")
        if self.gallery is None:
            note("no_gallery", "The sign model has no gallery, so no similar signs are given.")
        # Files from before reasons had codes may hold a sentence again.
        return tuple({reason.text: reason for reason in reasons}.values())

    def _require_gallery(self) -> Gallery:
        if self.gallery is None:
            raise PartMissing(
                self.model.folder / GALLERY_FILE,
                "this sign model has no gallery of similar signs",
                "install the package again, or name a model that has one",
            )
        return self.gallery


@dataclass(frozen=True)
class _Seen:
    """What was seen of a clip before it is answered."""

    clip: PoseClip
    readings: FrameReadings | None
    timing: dict[str, float]


def rejection(source: str | Path, error: SignLensError) -> Recognition:
    """The result for a clip that cannot be answered, with the error's message as its one reason."""
    return Recognition(path=str(source), status="rejected", reasons=(Reason.of_error(error),))


def is_pose_file(source: str | Path) -> bool:
    """Whether the input is taken for a `.pose` file: by its name."""
    return Path(source).suffix.lower() == POSE_SUFFIX


_SHORTER = "cut out the part with the sign or raise the limit"


def source_hashes(clip: PoseClip) -> frozenset[str]:
    """SHA-256 (hex) of the file that a clip comes from; one empty text where it is unknown."""
    return frozenset({clip.provenance.source.get("sha256", "")})


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


@contextmanager
def _timed(timing: dict[str, float], step: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    timing[step] = 1000 * (time.perf_counter() - started)
