"""The main job: a clip in; its gloss, its expression and similar signs out, with the evidence for each.

The steps, in order: video -> poses (or a `.pose` file is read) -> expression -> networks -> similar
signs -> fusion -> answer. Everything runs offline with what the package ships.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from signlens.answer import best_predictions, reservations, short_answer
from signlens.emotion import (
    EmotionProvider,
    EmotionReading,
    FaceAlbum,
    FrameReadings,
    GlossMap,
    LandmarkProvider,
    SignerBaseline,
    face_terms,
    load_gloss_map,
    read_frames,
    signer_baseline,
    summarise_readings,
)
from signlens.emotion.explain import Explaining
from signlens.emotion.head import load_head
from signlens.errors import InputRejected, PartMissing, UsageError
from signlens.files import file_sha256
from signlens.fusion.clip_fusion import BoostInfo, Fused, Fusion, FusionSettings
from signlens.fusion.stack import STACK_FILE, ModelStack
from signlens.models.sign_model import STARTER, SignModel, SignScores
from signlens.orientation.correction import Orientation, correct
from signlens.orientation.frame import SignerFrame
from signlens.pose import PoseClip, is_pose_file, read_pose
from signlens.recognition import ClipInfo, PoseInfo, Recognition
from signlens.retrieval import (
    FUSED,
    GALLERY_FILE,
    Gallery,
    SimilarSign,
    class_labels,
    class_shares,
    embedding_space,
)
from signlens.signing.intensity import measure_intensity
from signlens.signing.markers import MarkerReading, read_markers
from signlens.signing.rest import at_rest

if TYPE_CHECKING:
    from signlens.pose.holistic import HolisticExtractor
    from signlens.video import VideoLimits

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
    """
    with Recognizer(model, limits=limits, fusion=fusion, top_k=top_k) as recognizer:
        return recognizer.recognize(source, progress=progress)


@dataclass(frozen=True)
class Seen:
    """What was seen of a clip before it is answered.

    Attributes:
        path: The input as the caller named it.
        clip: Its poses.
        readings: What the face shows, frame by frame; None where no face could be read.
        timing_ms: decode, pose and emotion so far, and total.
    """

    path: str
    clip: PoseClip
    readings: FrameReadings | None
    timing_ms: dict[str, float]


class Recognizer:
    """Holds the sign model, its gallery, the expression head and the pose extractor for many clips.

    The pose extractor is loaded with the first video; `.pose` files need none. Use as a context
    manager, or call `close`. Not for use by two threads at once::

        with Recognizer() as recognizer:
            for path in paths:
                print(recognizer.recognize(path).answer.explanation)

    Args:
        model: A sign model's folder; the shipped one when None.
        limits: Caps on what is decoded; `VideoLimits()` when None. Limits that are given also hold for
            the length of `.pose` files.
        fusion: How much expression and similar signs count; what it leaves open is as the model's own
            validation chose (its ``stack.json``).
        top_k: How many predictions to give, at least 1.
        similar: How many similar signs to give, at least 0.
        correct_orientation: Whether a signer who is turned or tilted is turned to the camera first.
        gloss_map: Which glosses an expression speaks for: a TOML file or the name of a shipped map; the
            shipped default when None. Read only where the expression counts.
        emotion_provider: Who reads the face (`signlens.emotion.open_provider`); the shipped one when None.
        emotion_samples: How many frames of a clip it reads, uniformly spread; None for all.
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
        for option, value, least in (
            ("emotion-frames", emotion_samples, 1),
            ("top-k", top_k, 1),
            ("similar", similar, 0),
        ):
            if value is not None and value < least:
                raise UsageError(option, f"{value} is too few", f"give at least {least}")
        self.limits = limits
        self.top_k = top_k
        self.similar = similar
        self.correct_orientation = correct_orientation
        self.emotion_samples = emotion_samples
        self.provider: EmotionProvider = emotion_provider or LandmarkProvider()
        self.model = SignModel(STARTER if model is None else Path(model))
        self.space = embedding_space(self.model.card)
        self.identity = {**self.model.identity, "expression": self.provider.version}
        self.gallery: Gallery | None = None
        path = self.model.folder / GALLERY_FILE
        if path.is_file():
            self.gallery = Gallery.load(path, self.space)
            self.identity["gallery"] = file_sha256(path)
        learned = ModelStack.of_model(self.model.folder, self.model.classes)
        self.fusion = Fusion.of(fusion, learned)
        if self.fusion.stack.retrieval:
            self._require_gallery()
        self.gloss_map: GlossMap | None = None
        self.boost: BoostInfo | None = None
        if self.fusion.stack.emotion:
            self.gloss_map = load_gloss_map(gloss_map)
            self.boost = BoostInfo.of(self.gloss_map, self.fusion, self.model.classes)
            asked = fusion is not None and fusion.emotion_strength is not None
            if not asked and learned is not None and learned.gloss_map_sha256 != self.gloss_map.sha256:
                raise PartMissing(
                    self.model.folder / STACK_FILE,
                    "it was learned for another gloss map than the shipped one",
                    "export the model again",
                )
        self._neutral_face = load_head().reference
        self._extractor: HolisticExtractor | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the pose extractor and its threads; the next video loads it again."""
        self._open.close()
        self._extractor = None

    # -- the main job -------------------------------------------------------------------------

    def recognize(
        self,
        source: str | Path,
        *,
        baseline: SignerBaseline | None = None,
        reject: Literal["raise", "return"] = "raise",
        progress: Progress | None = None,
    ) -> Recognition:
        """Answer one clip: `look`, then `answer`.

        Args:
            source: A video, a `.pose` file, or a camera such as ``camera:0``.
            baseline: The signer's own face at rest, to be taken as neutral (`resting_face`).
            reject: What to do with a clip that cannot be answered: ``raise`` the error, or ``return``
                a `Recognition` with status ``rejected`` whose one reason is the error's message.
            progress: Called with the number of frames done.
        """
        try:
            return self.answer(self.look(source, progress), baseline)
        except InputRejected as error:
            if reject == "raise":
                raise
            return Recognition.rejected(source, error)

    def recognize_poses(self, clip: PoseClip, path: str | Path | None = None) -> Recognition:
        """Answer a clip whose poses are at hand, by this name or its source's."""
        name = clip.provenance.source.get("name", "poses") if path is None else str(path)
        timing = {"decode": 0.0, "pose": 0.0}
        with _timed(timing, "total"):
            readings = self._read_face(clip, None, timing)
        return self.answer(Seen(name, clip, readings, timing))

    def look(self, source: str | Path, progress: Progress | None = None) -> Seen:
        """Poses and what the face shows in each frame: the part of the job that needs no baseline.

        Args:
            source: A video, a `.pose` file, or a camera such as ``camera:0``.
            progress: Called with the number of frames done.

        Raises:
            InputRejected: It cannot be read, is over a cap, or shows no person.
        """
        album = None
        if self.provider.face_side and not is_pose_file(source):
            album = FaceAlbum(self.provider.face_side)
        timing: dict[str, float] = {}
        with _timed(timing, "total"):
            clip = self._read_poses(source, progress, album, timing)
            readings = self._read_face(clip, album, timing)
        return Seen(str(source), clip, readings, timing)

    def resting_face(self, clips: Iterable[Seen]) -> SignerBaseline | None:
        """The resting face of one signer, whom several clips show; None where fewer than two show one."""
        resting = []
        for seen in clips:
            if seen.readings is not None:
                rests = at_rest(seen.clip, SignerFrame.of(seen.clip.keypoints))[seen.readings.frames]
                resting.append(seen.readings.expressions.probabilities[rests])
        return signer_baseline(resting, self.provider.neutral)

    def answer(self, seen: Seen, baseline: SignerBaseline | None = None) -> Recognition:
        """Answer a clip that was looked at.

        Args:
            seen: What `look` saw.
            baseline: The signer's own face at rest, to be taken as neutral.

        Raises:
            InputRejected: The signer's nose and shoulders show in no frame.
        """
        clip, timing = seen.clip, dict(seen.timing_ms)
        frame = SignerFrame.of(clip.keypoints)
        with _timed(timing, "total"):
            with _timed(timing, "emotion"):
                emotion = None if seen.readings is None else summarise_readings(seen.readings, baseline)
                markers = read_markers(clip, self._neutral_face, frame=frame)
                intensity = measure_intensity(clip, frame)
            with _timed(timing, "recognize"):
                straight, orientation = self._straighten(clip, frame)
                scores = self._score(straight, seen.path, frame if straight is clip else None)
            with _timed(timing, "retrieve"):
                similar, similarities = self._search_gallery(clip, scores)
                fused, explaining = self._fuse(scores, emotion, markers, similarities)
            reasons = reservations(
                clip,
                emotion,
                self.model,
                self.provider,
                self.gloss_map,
                has_gallery=self.gallery is not None,
            )
        return Recognition(
            path=seen.path,
            status="degraded" if reasons else "ok",
            reasons=reasons,
            clip=ClipInfo.of(seen.path, clip),
            pose=PoseInfo.of(clip),
            orientation=orientation,
            answer=short_answer(self.model, scores, fused, self.fusion.unknown_below),
            predictions=best_predictions(self.model, fused, self.top_k),
            emotion=emotion,
            markers=markers.markers if markers.readable else None,
            markers_reasons=markers.reasons,
            intensity=intensity,
            explaining=explaining,
            similar=similar,
            model=dict(self.identity),
            timing_ms=timing,
            boost=self.boost,
            fusion=self.fusion.info,
        )

    # -- its parts ----------------------------------------------------------------------------

    def poses(self, source: str | Path, progress: Progress | None = None) -> PoseClip:
        """The poses of a video or a camera, or those in a `.pose` file."""
        return self._read_poses(source, progress, None, {})

    def embed(self, clip: PoseClip, name: str) -> tuple[SignScores, PoseClip]:
        """What the networks make of a clip (scores, embeddings), and the clip turned to the camera for it.

        Args:
            clip: The poses.
            name: What to call the clip in an error.
        """
        straight, _ = self._straighten(clip)
        return self._score(straight, name), straight

    def search(
        self, source: str | Path, k: int = 10, progress: Progress | None = None, *, space: str = FUSED
    ) -> tuple[list[SimilarSign], PoseClip]:
        """The k clips of the gallery that look most like this one, and this one's poses.

        Args:
            source: A video, a `.pose` file, or a camera such as ``camera:0``.
            k: How many.
            progress: Called with the number of frames done.
            space: A network's embedding, or ``fused``.
        """
        gallery = self._require_gallery()
        gallery.matrix(space)
        clip = self.poses(source, progress)
        query = self.embed(clip, str(source))[0].embedding_in(space)
        return gallery.search(query, k, gallery.rows_of(clip.provenance.source_hashes), space), clip

    # -- the steps ----------------------------------------------------------------------------

    def _read_poses(
        self,
        source: str | Path,
        progress: Progress | None,
        album: FaceAlbum | None,
        timing: dict[str, float],
    ) -> PoseClip:
        if is_pose_file(source):
            with _timed(timing, "decode"):
                clip = read_pose(source)
            timing["pose"] = 0.0
            if self.limits is not None:
                _check_length(clip, source, self.limits)
            return clip
        timing["decode"] = 0.0
        with _timed(timing, "pose"):
            if self._extractor is None:
                from signlens.pose.holistic import HolisticExtractor

                self._extractor = self._open.enter_context(HolisticExtractor())
            clip = self._extractor.extract(
                source, self.limits, progress, None if album is None else album.add
            )
        timing["decode"] = 1000 * self._extractor.decode_s
        return clip

    def _read_face(
        self, clip: PoseClip, album: FaceAlbum | None, timing: dict[str, float]
    ) -> FrameReadings | None:
        with _timed(timing, "emotion"):
            if self.provider.needs_images and album is None:
                return None
            return read_frames(clip, self.emotion_samples, self.provider, album=album)

    def _straighten(
        self, clip: PoseClip, frame: SignerFrame | None = None
    ) -> tuple[PoseClip, Orientation | None]:
        """The clip turned to the camera, where the signer is not; and how they stood."""
        if not self.correct_orientation:
            return clip, None
        straight, correction = correct(clip, frame=frame)
        return straight, Orientation.of(correction)

    def _score(self, clip: PoseClip, name: str, frame: SignerFrame | None = None) -> SignScores:
        try:
            return self.model.score(clip, frame)
        except InputRejected as error:
            raise InputRejected(name, error.problem, error.remedy) from None

    def _search_gallery(
        self, clip: PoseClip, scores: SignScores
    ) -> tuple[tuple[SimilarSign, ...], Array | None]:
        """The nearest clip of each gloss, best first; and the similarity of every clip."""
        if self.gallery is None:
            return (), None
        itself = self.gallery.rows_of(clip.provenance.source_hashes)
        similarities = self.gallery.similarities(scores.embedding, itself)
        return tuple(self.gallery.best(similarities, self.similar, one_per_gloss=True)), similarities

    def _fuse(
        self,
        scores: SignScores,
        emotion: EmotionReading | None,
        markers: MarkerReading,
        similarities: Array | None,
    ) -> tuple[Fused, Explaining | None]:
        skeleton, fusion, classes = scores.log_probabilities, self.fusion, self.model.classes
        expression = explaining = shares = None
        if self.gloss_map is not None:
            found = face_terms(
                classes,
                emotion,
                markers.markers,
                self.gloss_map,
                fusion.emotion_strength,
                fusion.vote.emotion_top_k,
                skeleton,
                explain=fusion.explain_markers,
            )
            expression, explaining = found.terms, found.explaining
        if fusion.stack.retrieval and self.gallery is not None and similarities is not None:
            owners = class_labels(self.gallery.glosses, classes)
            vote = fusion.vote
            shares = class_shares(similarities, owners, len(classes), vote.neighbours, vote.temperature)
        return fusion.fuse(skeleton, expression, shares), explaining

    def _require_gallery(self) -> Gallery:
        if self.gallery is None:
            raise PartMissing(
                self.model.folder / GALLERY_FILE,
                "this sign model has no gallery of similar signs",
                "install the package again, or name a model that has one",
            )
        return self.gallery


def _check_length(clip: PoseClip, source: str | Path, limits: VideoLimits) -> None:
    shorter = "cut out the part with the sign or raise the limit"
    if clip.frames > limits.max_frames:
        problem = f"it has {clip.frames} frames, over the limit of {limits.max_frames}"
        raise InputRejected(source, problem, shorter)
    if clip.times[-1] > limits.max_seconds:
        problem = f"it lasts {clip.times[-1]:.1f} s, over the limit of {limits.max_seconds:g} s"
        raise InputRejected(source, problem, shorter)


@contextmanager
def _timed(timing: dict[str, float], step: str) -> Iterator[None]:
    """Add what the block takes, in milliseconds, to a step's time."""
    started = time.perf_counter()
    yield
    timing[step] = timing.get(step, 0.0) + 1000 * (time.perf_counter() - started)
