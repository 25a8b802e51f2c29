"""The provider `emotiefflib`: EmotiEffLib's networks (Savchenko et al.), by its own package in ONNX Runtime.

The package fetches its models from wherever its repository's main branch stands and checks nothing. Here a
model is fetched only when somebody asks for it, from one commit, and its bytes must have the hash under which
git keeps the file at that commit:

    python -m signlens_studies expression fetch-emotiefflib enet_b0_8_best_vgaf --accept-licence

The package then preprocesses and classifies as it does for anyone; the face that it gets is the square around
the signer's face points.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.downloads import fetch_file, git_blob_hash
from signlens.emotion.expressions import EMOTIONS
from signlens.emotion.faces import face_picture
from signlens.emotion.provider import ASSUMED_NEUTRAL, FaceFrames, FrameExpressions
from signlens.errors import PartMissing, UsageError
from signlens.optional import require_extra

DEFAULT_MODEL = "enet_b0_8_best_vgaf"

FETCH = "python -m signlens_studies expression fetch-emotiefflib"
"""The command that fetches a model, by name."""

COMMIT = "f1df0e8548c666d268826e50b7de107fd5553e9d"
SOURCE = f"https://raw.githubusercontent.com/sb-ai-lab/EmotiEffLib/{COMMIT}/models/affectnet_emotions/onnx"

LICENCE = (
    "EmotiEffLib (https://github.com/sb-ai-lab/EmotiEffLib) is under the Apache License 2.0. Its networks "
    "were trained on AffectNet (Mollahosseini et al. 2017), whose pictures are for research that is not "
    "commercial; whether that binds what is trained on them is for you to judge."
)


@dataclass(frozen=True)
class Pinned:
    """One model file as its repository keeps it.

    Attributes:
        url: Where it is fetched from.
        git_blob: Hash (SHA-1, hex) of the git blob: of ``blob``, the length, a zero byte, and the bytes.
    """

    url: str
    git_blob: str


MODELS: Mapping[str, Pinned] = {
    name: Pinned(f"{SOURCE}/{name}.onnx", blob)
    for name, blob in {
        "enet_b0_8_best_afew": "d87faf71e8756d68c701ffd88b4cde4be460f57d",
        "enet_b0_8_best_vgaf": "49772db4e87ee6df57087fba131832a959e5c64d",
        "enet_b0_8_va_mtl": "7ce9d6dd5b82b260bc19bfe7822a6ffa1abb6011",
        "enet_b2_7": "cdd6a6070b72ed2e59e15e810ae0ecdbcb0f7626",
        "enet_b2_8": "a7cb612cbab1ce3d50dd52e57285fb2c7ea6d0d9",
        "mbf_va_mtl": "194db927ec135679e5cd0a267c5605e2e9d68e7e",
        "mobilevit_va_mtl": "bed5781a1af9924536638ac3786603e124ee900e",
    }.items()
}
"""The models that the package knows, at `COMMIT`."""

OUR_NAME = {
    "Neutral": "neutral",
    "Happiness": "happy",
    "Sadness": "sad",
    "Surprise": "surprise",
    "Fear": "fear",
    "Disgust": "disgust",
    "Anger": "anger",
    "Contempt": "contempt",
}
"""What the package calls an expression, and what we call it."""

SCALE = 1.1
"""The square's side, in the longer side of the face points' box."""

_MAX_BYTES = 128 << 20
_BATCH = 16
_BUILDING = threading.Lock()


def model_folder() -> Path:
    """Where fetched models are kept: ``signlens/emotiefflib`` in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "signlens" / "emotiefflib"


def fetch_model(
    name: str,
    folder: Path | None = None,
    models: Mapping[str, Pinned] = MODELS,
    timeout_s: float = 60.0,
) -> Path:
    """Fetch a model, check its hash and keep it. Whoever calls this has seen `LICENCE`.

    Args:
        name: One of `models`.
        folder: Where to keep it; `model_folder` when None.
        models: What is known.
        timeout_s: How long to wait for the server.

    Returns:
        The file.

    Raises:
        UsageError: There is no model of this name.
        PartMissing: It cannot be fetched, or its bytes are not those that are pinned; nothing is kept then.
    """
    pin = pinned_model(name, models)
    target = (folder or model_folder()) / f"{name}.onnx"
    return fetch_file(pin.url, target, pin.git_blob, limit=_MAX_BYTES, timeout_s=timeout_s)


def checked_model(path: Path, name: str, models: Mapping[str, Pinned] = MODELS) -> Path:
    """A model file whose bytes are those that are pinned."""
    pin = pinned_model(name, models)
    if not path.is_file():
        raise PartMissing(
            path,
            "this model is not here",
            f"fetch it with: {FETCH} {name}",
        )
    if path.stat().st_size > _MAX_BYTES or git_blob_hash(path.read_bytes()) != pin.git_blob:
        raise PartMissing(
            path,
            f"its bytes are not those of the pinned file (git blob {pin.git_blob})",
            f"fetch it again with: {FETCH} {name}",
        )
    return path


def pinned_model(name: str, models: Mapping[str, Pinned]) -> Pinned:
    """One model's pin."""
    if name not in models:
        raise UsageError("emotiefflib", f"there is no model {name!r}", f"choose one of {', '.join(models)}")
    return models[name]


class EmotiEffLibProvider:
    """EmotiEffLib over the signer's face. Needs the pictures and the `[emotion]` extra.

    Args:
        model: A fetched file, whose name says which model it is, or the name of a model that has been
            fetched to `model_folder`; None for `DEFAULT_MODEL`.
        models: Which models there are, with their hashes.
    """

    name = "emotiefflib"
    needs_images = True
    neutral = ASSUMED_NEUTRAL

    def __init__(self, model: str | Path | None = None, models: Mapping[str, Pinned] = MODELS) -> None:
        given = Path(DEFAULT_MODEL if model is None else model)
        path = given if given.suffix == ".onnx" else model_folder() / f"{given}.onnx"
        self.recogniser: Any = _recogniser(checked_model(path, path.stem, models), path.stem)
        self.face_side = int(self.recogniser.img_size)
        self.version = f"{path.stem}+{models[path.stem].git_blob[:12]}"
        names = self.recogniser.idx_to_emotion_class
        self._columns = [EMOTIONS.index(OUR_NAME[names[i]]) for i in range(len(names))]

    def read(self, faces: FaceFrames) -> FrameExpressions:
        """See `EmotionProvider.read`; an expression that the model does not know has probability 0."""
        crops = [None if found is None else face_picture(*found, SCALE) for found in faces.pictures()]
        return self.read_crops(crops)

    def read_crops(self, crops: Sequence[NDArray[np.uint8] | None]) -> FrameExpressions:
        """The same of face crops (H, W, 3) uint8 RGB of any size; None gives rows of NaN."""
        there = [i for i, crop in enumerate(crops) if crop is not None]
        count = len(self._columns)
        rows = np.full((len(crops), len(EMOTIONS)), np.nan)
        rows[there] = 0.0
        moods = np.full((len(crops), 2), np.nan)
        for start in range(0, len(there), _BATCH):
            batch = there[start : start + _BATCH]
            _, scores = self.recogniser.predict_emotions([crops[i] for i in batch], logits=False)
            rows[np.ix_(batch, self._columns)] = scores[:, :count]
            if self.recogniser.is_mtl:
                moods[batch] = scores[:, count : count + 2]
        pictured = np.isfinite(rows).all(axis=1)
        if not self.recogniser.is_mtl:
            return FrameExpressions(rows, pictured)
        return FrameExpressions(rows, pictured, np.clip(moods[:, 0], -1, 1), np.clip(moods[:, 1], -1, 1))


def _recogniser(path: Path, name: str) -> Any:
    """The package's own recogniser over a file that has been checked.

    The package looks its models up in one folder and fetches what is not there, unchecked; while it is
    built, its look-up is answered with our file.
    """
    try:
        import onnx  # noqa: F401 (the package fails late without it)
        from emotiefflib import facial_analysis
    except ImportError as error:
        raise require_extra("emotion", error.name or "emotiefflib") from None
    with _BUILDING:
        look_up = facial_analysis.get_model_path_onnx
        facial_analysis.get_model_path_onnx = lambda _: str(path)
        try:
            return facial_analysis.EmotiEffLibRecognizer(engine="onnx", model_name=name)
        except Exception as error:  # it raises whatever ONNX and ONNX Runtime raise
            raise PartMissing(path, f"EmotiEffLib cannot load it ({error})", "fetch it again") from None
        finally:
            facial_analysis.get_model_path_onnx = look_up


if __name__ == "__main__":
    print(f"models are fetched with: {FETCH} {DEFAULT_MODEL} --accept-licence", file=sys.stderr)
    sys.exit(UsageError.exit_code)
