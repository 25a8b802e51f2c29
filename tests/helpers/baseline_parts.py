"""Made-up poses and tiny random networks for the tests of EmoSign's baselines."""

from pathlib import Path

import numpy as np

from signlens.emosign.annotations import EmoSignClip
from signlens.emotion.head import load_head
from signlens.pose.clip import FACE, LEFT_HAND, RIGHT_HAND, PoseClip, Provenance

SHOULDER_WIDTH = 80.0


def made_pose(
    left: np.ndarray,
    right: np.ndarray,
    *,
    fps: float = 25.0,
    scale: float = SHOULDER_WIDTH,
    origin: tuple[float, float] = (320.0, 200.0),
    mesh: np.ndarray | None = None,
) -> PoseClip:
    """A signer who stands still and moves the wrists: (T, 2) shoulder widths from between the shoulders."""
    frames = len(left)
    k = np.full((frames, 133, 4), np.nan, np.float32)
    k[..., 3] = 0

    def put(index, place):
        k[:, index, :2] = np.asarray(origin) + scale * np.asarray(place)
        k[:, index, 2], k[:, index, 3] = 0, 1

    put(0, np.tile([0.0, -0.8], (frames, 1)))
    put(5, np.tile([0.5, 0.0], (frames, 1)))
    put(6, np.tile([-0.5, 0.0], (frames, 1)))
    put(9, left)
    put(10, right)
    for part, wrist in ((LEFT_HAND, left), (RIGHT_HAND, right)):
        for point in range(21):
            put(part.start + point, np.asarray(wrist) - np.array([0.0, 0.01 * point]))
    if mesh is not None:
        k[:, FACE, :3], k[:, FACE, 3] = 0, 1
    return PoseClip(
        k,
        None if mesh is None else np.asarray(mesh, np.float32),
        np.arange(frames) / fps,
        fps,
        640,
        480,
        Provenance("test", "1"),
    )


def circling(radius: float, hertz: float, frames: int = 50, fps: float = 25.0) -> np.ndarray:
    """(T, 2) a wrist on a circle."""
    angle = 2 * np.pi * hertz * np.arange(frames) / fps
    return np.stack([0.6 + radius * np.cos(angle), 0.5 + radius * np.sin(angle)], axis=1)


def signing_of(clip: EmoSignClip, seed: int, fps: float = 10.0) -> PoseClip:
    """Poses that tell the sentiment: the more positive, the faster and larger the right hand; and a face.

    The face is the shipped reference face; its mouth corners go up or down with the sentiment.
    """
    rng = np.random.default_rng(seed)
    frames = 12
    lively = 0.1 + 0.05 * (clip.sentiment + 3)
    mesh = np.repeat(load_head().reference[None], frames, axis=0) * 100 + [320, 150, 0]
    mesh[:, [61, 291], 1] -= 3.0 * clip.sentiment * np.linspace(0.5, 1, frames)[:, None]
    mesh += rng.normal(0, 0.05, mesh.shape)
    right = circling(lively, 0.5 + lively, frames, fps) * [-1, 1] + rng.normal(0, 0.005, (frames, 2))
    return made_pose(circling(0.02, 0.5, frames, fps), right, fps=fps, mesh=mesh)


def save_tokenizer(folder: Path, words: list[str]) -> None:
    """A tokenizer that knows these words; as in CLIP's, the end has the greatest number."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    names = ["<pad>", "<s>", "<unk>", *dict.fromkeys(w.lower() for w in words), "</s>"]
    inner = Tokenizer(WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>"))
    inner.normalizer, inner.pre_tokenizer = Lowercase(), Whitespace()
    ends = [("<s>", 1), ("</s>", len(names) - 1)]
    inner.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)


def save_classifier(folder: Path, labels: list[str], words: list[str], *, multi_label: bool = True) -> Path:
    """A random text classifier of hidden size 8."""
    import torch
    from transformers import RobertaConfig, RobertaForSequenceClassification

    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=len(words) + 8,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=40,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        initializer_range=0.5,
        problem_type="multi_label_classification" if multi_label else "single_label_classification",
    )
    RobertaForSequenceClassification(config).save_pretrained(folder)
    save_tokenizer(folder, words)
    return folder


def save_encoders(folder: Path, words: list[str]) -> tuple[Path, Path]:
    """A random ViT and a random CLIP text encoder of hidden size 8."""
    import torch
    from transformers import CLIPTextConfig, CLIPTextModel, ViTConfig, ViTModel

    torch.manual_seed(0)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    vision, text = folder / "vit", folder / "clip"
    ViTModel(ViTConfig(**shape, image_size=16, patch_size=8)).save_pretrained(vision)
    CLIPTextModel(
        CLIPTextConfig(
            **shape,
            vocab_size=len(words) + 8,
            max_position_embeddings=40,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    ).save_pretrained(text)
    save_tokenizer(text, words)
    return vision, text
