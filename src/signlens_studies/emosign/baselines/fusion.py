"""The fusion that a summary page credits EmoSign with and nobody published: ViT frames, LSTM, CLIP text.

A frozen ViT reads each frame, an LSTM reads the frames in time, a frozen CLIP text encoder reads the
caption; what both give stands side by side before small linear heads. Only the LSTM and the heads are
trained, leave-one-signer-out, with fixed settings: nothing is chosen on the signers who are answered.
With `inputs` one of the two can be left out. "58.3 %" is that page's figure, not ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from signlens.emosign.annotations import EMOTIONS, EmoSign
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.tasks import (
    DEFAULT_RULE,
    EMOTION_CLASSES,
    SENTIMENT7,
    labels7,
    multi_label,
    sentiment3_of,
    single_emotion,
)
from signlens.errors import InputRejected, UsageError
from signlens.optional import require_extra
from signlens.video import sha256_of
from signlens_studies.emosign.baselines import encoders
from signlens_studies.emosign.baselines.frames import frames_at
from signlens_studies.emosign.baselines.learning import signer_folds
from signlens_studies.emosign.baselines.materials import Materials, cached_array, digest_of, refused

if TYPE_CHECKING:
    import torch

VISION = "google/vit-base-patch16-224-in21k@b4569560a39a0f1af58e3ddaf17facf20ab919b0"
TEXT = "openai/clip-vit-large-patch14@32bd64288804d66eefd0ccbe215aa642df71cc41"
INPUTS = ("both", "video", "caption")
Frames = NDArray[np.float32]


@dataclass(frozen=True)
class FusionSettings:
    """How the fusion is built and trained.

    Attributes:
        inputs: ``video``, ``caption`` or ``both``.
        rate: Frames a second that the ViT reads.
        most_frames: How many frames of a clip at most.
        hidden: Width of the LSTM and of the caption's projection.
        epochs: Passes over the training clips.
        learning_rate: Of Adam.
        weight_decay: Of Adam.
        dropout: Before the heads.
        batch: Clips a step.
        seed: Of first weights, order and dropout.
    """

    inputs: str = "both"
    rate: float = 5.0
    most_frames: int = 64
    hidden: int = 128
    epochs: int = 40
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    dropout: float = 0.3
    batch: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        if self.inputs not in INPUTS:
            raise UsageError("--inputs", f"there is no {self.inputs!r}", f"choose one of {', '.join(INPUTS)}")


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise require_extra("train", "torch") from None
    return torch


# ---- frozen encoders -----------------------------------------------------------------------------


class FrameEncoder:
    """A frozen ViT: frames to vectors.

    Args:
        reference: Folder, or ``OWNER/NAME@COMMIT``.
    """

    def __init__(self, reference: str = VISION) -> None:
        self.pinned = encoders.find(reference)
        self._model = encoders.load("ViTModel", self.pinned)
        self.width = int(self._model.config.hidden_size)
        self.side = int(self._model.config.image_size)

    def vectors(self, images: Sequence[NDArray[np.uint8]]) -> Frames:
        """(K, width) the class token of each frame, which is resized to a square and scaled to -1..1."""
        import cv2

        torch = _torch()
        rows = []
        with torch.inference_mode():
            for image in images:
                square = cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
                pixels = torch.from_numpy(square.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1)
                rows.append(self._model(pixel_values=pixels).last_hidden_state[0, 0].float().numpy())
        return np.asarray(rows, np.float32).reshape(len(images), self.width)


class TextEncoder:
    """A frozen CLIP text encoder: a caption to a vector.

    Args:
        reference: Folder, or ``OWNER/NAME@COMMIT``.
    """

    def __init__(self, reference: str = TEXT) -> None:
        self.pinned = encoders.find(reference)
        self._tokenizer = encoders.load("AutoTokenizer", self.pinned)
        self._model = encoders.load("CLIPTextModel", self.pinned)
        self.width = int(self._model.config.hidden_size)

    def vector(self, text: str) -> Frames:
        """(width,) the caption; what is longer than the network reads is cut."""
        torch = _torch()
        longest = int(self._model.config.max_position_embeddings)
        tokens = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=longest)
        with torch.inference_mode():
            output = self._model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
        return np.asarray(output.pooler_output[0].float().numpy())


def video_vectors(
    materials: Materials, encoder: FrameEncoder, settings: FusionSettings
) -> list[Frames | None]:
    """(K, width) of every clip, kept by content of video and network; None where a video may be missing."""
    folder = materials.folder("frame-vectors")
    videos = materials.videos()
    found: list[Frames | None] = []
    for done, video in enumerate(videos):
        materials.progress("frames", done, len(videos))
        found.append(None if video is None else _vectors_of(video, folder, encoder, settings))
    return found


def _vectors_of(video: Path, folder: Path, encoder: FrameEncoder, settings: FusionSettings) -> Frames:
    key = digest_of(
        {
            "video": sha256_of(video),
            "network": encoder.pinned.sha256,
            "rate": settings.rate,
            "most": settings.most_frames,
            "side": encoder.side,
        }
    )

    def make() -> Frames:
        shown = frames_at(video, settings.rate, settings.most_frames, max_side=4 * encoder.side)
        return encoder.vectors([frame.image for frame in shown])

    return cached_array(folder, key, make, (None, encoder.width))


def caption_vectors(materials: Materials, encoder: TextEncoder) -> list[Frames | None]:
    """(width,) of every caption, kept by content of caption and network; None where one may be missing."""
    folder = materials.folder("caption-vectors")
    found: list[Frames | None] = []
    captions = materials.captions()
    for done, text in enumerate(captions):
        materials.progress("captions", done, len(captions))
        if text is None:
            found.append(None)
            continue
        key = digest_of({"text": text, "network": encoder.pinned.sha256})
        found.append(cached_array(folder, key, partial(encoder.vector, text), (encoder.width,)))
    return found


# ---- the part that is trained --------------------------------------------------------------------


def fusion_network(video_width: int, text_width: int, settings: FusionSettings) -> Any:
    """The LSTM over frame vectors, the projection of the caption, and the heads.

    Args:
        video_width: Width of frame vectors; 0 without video.
        text_width: Width of caption vectors; 0 without captions.
        settings: Width and dropout.

    Returns:
        A module of (frames (B, T, video_width), lengths (B,), captions (B, text_width)) that gives
        (B, 7 + 10 + 10 + 10) logits: sentiment, emotion, presence, intensity (0..1).
    """
    torch = _torch()
    outputs = len(SENTIMENT7) + len(EMOTION_CLASSES) + 2 * len(EMOTIONS)

    class Fusion(torch.nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(video_width, settings.hidden, batch_first=True) if video_width else None
            self.text = torch.nn.Linear(text_width, settings.hidden) if text_width else None
            parts = (self.lstm is not None) + (self.text is not None)
            self.dropout = torch.nn.Dropout(settings.dropout)
            self.heads = torch.nn.Linear(parts * settings.hidden, outputs)

        def forward(self, frames: Any, lengths: Any, captions: Any) -> Any:
            parts = []
            if self.lstm is not None:
                packed = torch.nn.utils.rnn.pack_padded_sequence(
                    frames, lengths, batch_first=True, enforce_sorted=False
                )
                parts.append(self.lstm(packed)[1][0][-1])
            if self.text is not None:
                parts.append(torch.tanh(self.text(captions)))
            return self.heads(self.dropout(torch.cat(parts, dim=1)))

    return Fusion()


def _even_weights(labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """So that every class that is there weighs the same; 0 for the others."""
    count = np.bincount(labels, minlength=classes)
    there = (count > 0).sum()
    return np.where(count > 0, len(labels) / (there * np.maximum(count, 1)), 0).astype(np.float32)


def fuse(
    data: EmoSign,
    video: Sequence[Frames | None] | None,
    captions: Sequence[Frames | None] | None,
    settings: FusionSettings,
    rule: str = DEFAULT_RULE,
) -> list[LabelPrediction]:
    """Train on all signers but one, answer that one; for each in turn.

    Args:
        data: The N clips.
        video: (K, D) of every clip, or None without video.
        captions: (E,) of every clip, or None without captions.
        settings: How.
        rule: Which clips are single expressions.

    Returns:
        One prediction for every clip; ``refused`` where an input is missing.
    """
    torch = _torch()
    n = len(data.clips)
    usable = np.array(
        [all(values is None or values[i] is not None for values in (video, captions)) for i in range(n)]
    )
    blank = np.zeros((1, 0), np.float32)
    clips_v = [blank if video is None or v is None else v for v in (video or [None] * n)]
    clips_t = [blank[0] if captions is None or t is None else t for t in (captions or [None] * n)]
    widths = max(v.shape[1] for v in clips_v), max(len(t) for t in clips_t)
    sentiment = labels7(data.clips).labels
    single = single_emotion(data.clips, rule)
    emotion = np.full(n, -1)
    emotion[single.rows] = single.labels
    truth = multi_label(data.clips)
    answers: list[LabelPrediction | None] = [
        None if ok else refused(c.video_name) for ok, c in zip(usable, data.clips, strict=True)
    ]

    def batch(rows: NDArray[np.int64], scale: Any) -> tuple[Any, Any, Any]:
        lengths = torch.tensor([max(len(clips_v[i]), 1) for i in rows])
        frames = torch.zeros(len(rows), int(lengths.max()), widths[0])
        texts = torch.zeros(len(rows), widths[1])
        for k, i in enumerate(rows):
            if widths[0]:
                frames[k, : len(clips_v[i])] = torch.from_numpy((clips_v[i] - scale[0]) / scale[1])
            if widths[1]:
                texts[k] = torch.from_numpy((clips_t[i] - scale[2]) / scale[3])
        return frames, lengths, texts

    with torch.random.fork_rng(devices=[]):
        for number, (_, others, own) in enumerate(signer_folds(data)):
            train, asked = others[usable[others]], own[usable[own]]
            if not len(asked):
                continue
            if not len(train):
                raise InputRejected(
                    data.source, "no clip of the other signers can be learned from", "give more"
                )
            torch.manual_seed(settings.seed * 1000 + number)
            rng = np.random.default_rng((settings.seed, number))
            scale = _scales([clips_v[i] for i in train], [clips_t[i] for i in train], widths)
            network = fusion_network(*widths, settings)
            optimiser = torch.optim.AdamW(
                network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
            )
            known = emotion[train][emotion[train] >= 0]
            weights = [
                torch.from_numpy(_even_weights(sentiment[train], len(SENTIMENT7))),
                torch.from_numpy(_even_weights(known, len(EMOTION_CLASSES))),
            ]
            network.train()
            for _ in range(settings.epochs):
                order = rng.permutation(train)
                for start in range(0, len(order), settings.batch):
                    rows = order[start : start + settings.batch]
                    loss = _loss(
                        network(*batch(rows, scale)), rows, sentiment, emotion, truth.intensity, weights
                    )
                    optimiser.zero_grad()
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                    optimiser.step()
            network.eval()
            with torch.inference_mode():
                logits = network(*batch(asked, scale)).numpy()
            for i, row in zip(asked, logits, strict=True):
                answers[i] = prediction_of_logits(data.clips[i].video_name, row)
    return [answer for answer in answers if answer is not None]


def _scales(video: Sequence[Frames], texts: Sequence[Frames], widths: tuple[int, int]) -> tuple[Any, ...]:
    """Mean and spread of each number of the training clips' vectors."""
    found: list[Any] = []
    for width, rows in zip(
        widths, (np.concatenate(video) if widths[0] else None, np.array(texts)), strict=True
    ):
        found += [rows.mean(axis=0), rows.std(axis=0) + 1e-6] if width and rows is not None else [0.0, 1.0]
    return tuple(found)


def _loss(
    logits: torch.Tensor,
    rows: NDArray[np.int64],
    sentiment: NDArray[np.int64],
    emotion: NDArray[np.int64],
    intensity: NDArray[np.int64],
    weights: Sequence[torch.Tensor],
) -> torch.Tensor:
    torch = _torch()
    functional = torch.nn.functional
    seven, ten, present, level = torch.split(logits, _SIZES, dim=1)
    target = torch.from_numpy(intensity[rows]).float()
    loss = functional.cross_entropy(seven, torch.from_numpy(sentiment[rows]), weight=weights[0])
    labels = torch.from_numpy(emotion[rows])
    if (labels >= 0).any():
        loss = loss + functional.cross_entropy(ten, labels, weight=weights[1], ignore_index=-1)
    loss = loss + functional.binary_cross_entropy_with_logits(present, (target > 0).float())
    return loss + functional.mse_loss(torch.sigmoid(level), target / 3)


_SIZES = [len(SENTIMENT7), len(EMOTION_CLASSES), len(EMOTIONS), len(EMOTIONS)]


def prediction_of_logits(name: str, logits: NDArray[np.floating]) -> LabelPrediction:
    """The answers that logits (37,) stand for: see `fusion_network`.

    Three-class sentiment is the sign with the most probability, not the sign of the likeliest class.
    """
    seven, ten, present, level = np.split(np.asarray(logits, np.float64), np.cumsum(_SIZES)[:-1])
    share = np.exp(seven - seven.max())
    signs: dict[str, float] = {}
    for value, mass in zip(SENTIMENT7, share, strict=True):
        sign = sentiment3_of(int(value))
        signs[sign] = signs.get(sign, 0.0) + float(mass)
    levels = np.rint(3 / (1 + np.exp(-level))).astype(int)
    return LabelPrediction(
        name,
        SENTIMENT7[int(seven.argmax())],
        max(signs, key=lambda s: signs[s]),
        EMOTION_CLASSES[int(ten.argmax())],
        dict(zip(EMOTIONS, levels.tolist(), strict=True)),
        dict(zip(EMOTIONS, (present > 0).tolist(), strict=True)),
    )


def run_fusion(
    materials: Materials, settings: FusionSettings, *, vision: str = VISION, text: str = TEXT
) -> tuple[list[LabelPrediction], dict[str, Any]]:
    """Read, encode, train and answer; returns the predictions and what they were made with.

    Args:
        materials: Labels, videos, captions, and a cache.
        settings: How.
        vision: The ViT: folder, or ``OWNER/NAME@COMMIT``.
        text: The CLIP network whose text part is used.
    """
    facts: dict[str, Any] = {"settings": asdict(settings), "networks": {}}
    video = captions = None
    if settings.inputs != "caption":
        frames = FrameEncoder(vision)
        facts["networks"]["vision"] = {"name": frames.pinned.name, "sha256": frames.pinned.sha256}
        video = video_vectors(materials, frames, settings)
    if settings.inputs != "video":
        encoder = TextEncoder(text)
        facts["networks"]["text"] = {"name": encoder.pinned.name, "sha256": encoder.pinned.sha256}
        captions = caption_vectors(materials, encoder)
    return fuse(materials.data, video, captions, settings, materials.rule), facts
