"""The trained expression network as one ONNX file: mirror image, offsets and temperature included."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from signlens.emotion import EMOTIONS
from signlens.errors import InputRejected, SignLensError
from signlens.evaluation.metrics import confusion_matrix, expected_calibration_error, recall_per_class
from signlens.files import whole_file
from signlens.models.ensemble import fit_temperature
from signlens.training.precision import store_in_half_precision
from signlens_studies.expression.face_pictures import EYE_SPAN, EYES
from signlens_studies.expression.network import SIDE, ExpressionNetwork

INPUT, OUTPUT = "faces", "logits"
MOST_BYTES = 3_000_000
TOLERANCE = 0.02
"""Most difference of ONNX Runtime's logits from torch's, as a share of the largest: weights have 11 bits."""

COMMON = 0.08
"""Share of the pictures from which a class is common enough to need no offset."""

JUDGED = tuple(range(len(EMOTIONS) - 1))
"""The seven classes over which recall is balanced: all but contempt, for which there are too few pictures."""


@dataclass(frozen=True)
class Calibration:
    """What is done to the logits, as chosen on validation.

    Attributes:
        temperature: They are divided by it.
        offset: (8,) Then added to them.
    """

    temperature: float
    offset: tuple[float, ...]

    def logits(self, raw: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 8) to (N, 8)."""
        return np.asarray(raw / self.temperature + np.array(self.offset), dtype=np.float64)


def probabilities(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Softmax of rows."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def recalls(answer: NDArray[np.int64], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """(8,) share of each class that was answered rightly; NaN where there is none of it."""
    return recall_per_class(confusion_matrix(label, answer, len(EMOTIONS)))


def balanced(answer: NDArray[np.int64], label: NDArray[np.int64]) -> float:
    """Mean recall of `JUDGED`."""
    return float(recalls(answer, label)[list(JUDGED)].mean())


def calibrate(
    logits: NDArray[np.float64], label: NDArray[np.int64], strengths: tuple[float, ...]
) -> Calibration:
    """Choose offsets and temperature on validation pictures.

    Only classes rarer than `COMMON` have an offset: the logarithm of how much rarer they are (Menon et al.
    2021), times the strength of the largest merit: twice the accuracy plus the mean recall, which rests on
    few pictures. Then the temperature of the least log loss.

    Args:
        logits: (N, 8) raw.
        label: (N,) majority labels.
        strengths: Those to choose from.
    """
    share = np.bincount(label, minlength=len(EMOTIONS)) / len(label)
    rare = np.maximum(0, np.log(COMMON / np.maximum(share, 1 / len(label))))

    def merit(strength: float) -> float:
        answer = (logits + strength * rare).argmax(axis=1)
        return 2 * float((answer == label).mean()) + balanced(answer, label)

    strength = max(strengths, key=merit)
    log_rows = np.log(probabilities(logits + strength * rare))
    temperature = fit_temperature(log_rows, label)
    return Calibration(temperature, tuple(float(v) for v in strength * rare / temperature))


def figures(rows: NDArray[np.float64], label: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy, balanced recall and calibration error of probabilities (N, 8)."""
    answer = rows.argmax(axis=1)
    return {
        "accuracy": float((answer == label).mean()),
        "balanced": balanced(answer, label),
        "calibration_error": expected_calibration_error(rows, label),
        **{f"recall_{name}": float(v) for name, v in zip(EMOTIONS, recalls(answer, label), strict=True)},
    }


class FinishedNetwork(nn.Module):
    """The network over a picture and its mirror image, calibrated."""

    def __init__(self, network: ExpressionNetwork, calibration: Calibration) -> None:
        super().__init__()
        self.network = network
        self.temperature = calibration.temperature
        self.register_buffer("offset", torch.tensor(calibration.offset, dtype=torch.float32))

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 1, 48, 48) grey levels to (B, 8) calibrated logits."""
        both = self.network(torch.cat([pictures, pictures.flip(3)]))
        first, second = both.chunk(2)
        logits: Tensor = (first + second) / (2 * self.temperature) + self.offset
        return logits


def export_network(
    network: ExpressionNetwork, calibration: Calibration, path: Path, name: str, example: Tensor
) -> None:
    """Write the ONNX file, weights in half precision, and check it against torch.

    Args:
        network: Trained.
        calibration: Chosen on validation.
        path: The file.
        name: Of the weights; kept in the file's metadata with the frame and the classes.
        example: (B, 1, 48, 48) pictures to check it by.

    Raises:
        SignLensError: It is too large, or computes something else.
    """
    import onnx
    import onnxruntime

    finished = FinishedNetwork(network, calibration).eval()
    with whole_file(path) as part:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                finished,
                (example,),
                str(part),
                dynamo=False,
                opset_version=17,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "faces"}, OUTPUT: {0: "faces"}},
            )
        store_in_half_precision(part)
        model = onnx.load(str(part))
        facts = {"name": name, "classes": list(EMOTIONS), "side": SIDE, "eyes": EYES, "eye_span": EYE_SPAN}
        entries = {"expression": json.dumps(facts | asdict(calibration))}
        onnx.helper.set_model_props(model, entries)
        onnx.save(model, str(part))
        session = onnxruntime.InferenceSession(str(part), providers=["CPUExecutionProvider"])
        found = session.run(None, {INPUT: example.numpy()})[0]
        with torch.no_grad():
            expected = finished(example).numpy()
        worst = float(np.abs(found - expected).max() / max(1.0, float(np.abs(expected).max())))
        if not worst <= TOLERANCE:
            raise SignLensError(path, f"ONNX and PyTorch differ by {worst:.2g}", "report this as a defect")
        if part.stat().st_size > MOST_BYTES:
            raise SignLensError(path, f"it has {part.stat().st_size} bytes", "make the network smaller")


def onnx_reader(path: Path) -> Callable[[NDArray[np.floating]], NDArray[np.float64]]:
    """(N, 48, 48) grey levels to (N, 8) calibrated logits, by an exported file on one core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors have no common base
        raise InputRejected(path, f"not a readable ONNX file ({error})", "export it again") from error

    def read(pictures: NDArray[np.floating]) -> NDArray[np.float64]:
        parts = np.array_split(pictures, max(1, len(pictures) // 64))
        rows = [session.run(None, {INPUT: p[:, None].astype(np.float32)})[0] for p in parts]
        return np.concatenate(rows).astype(np.float64)

    return read
