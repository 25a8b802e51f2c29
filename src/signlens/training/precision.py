"""Exported networks in fewer bits: weights stored in half precision, or products of eight-bit integers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import SignLensError, UsageError, require_extra
from signlens.files import whole_file

Array = NDArray[np.float32]

FLOAT32, FLOAT16, INT8 = "float32", "float16", "int8"

PRECISIONS = (FLOAT32, FLOAT16, INT8)

CALIBRATION = 256
"""Training clips that tell what the activations of an int8 network span."""

SMALLEST = 256
"""Weights of fewer values stay in float32: they hold few bytes, and constants of the graph are among them."""


def check_precision(precision: str) -> None:
    """Refuse a precision that there is not.

    Raises:
        UsageError: It is none of `PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise UsageError(
            "precision", f"there is none called {precision!r}", f"choose from {', '.join(PRECISIONS)}"
        )


def reduce_precision(path: Path, precision: str, calibration: Array) -> None:
    """Store an ONNX file in a precision.

    Args:
        path: The file in float32, with one input ``clip``; it is replaced.
        precision: One of `PRECISIONS`.
        calibration: Inputs of training clips, (N, ...), for int8.

    Raises:
        UsageError: There is no such precision.
        SignLensError: A weight is beyond the range of float16.
        PartMissing: `onnx` is not installed.
    """
    check_precision(precision)
    if precision == FLOAT16:
        store_in_half_precision(path)
    elif precision == INT8:
        quantise(path, calibration)


def calibration_rows(train: NDArray[np.int64]) -> NDArray[np.int64]:
    """Training clips to calibrate on: evenly spaced, as many as `CALIBRATION`."""
    return np.asarray(train[:: -(-len(train) // CALIBRATION)])


def store_in_half_precision(path: Path) -> None:
    """Store an ONNX file's weights as float16; they are made float32 again when the file is loaded.

    The file is half as large. What it computes, and how fast, does not change but for the rounding of the
    weights to 11 bits.

    Args:
        path: The file; it is replaced.

    Raises:
        SignLensError: A weight is beyond the range of float16.
        PartMissing: `onnx` is not installed.
    """
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ImportError:
        raise require_extra("train", "onnx") from None
    model = onnx.load(str(path))
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or int(np.prod(weight.dims)) < SMALLEST:
            continue
        values = numpy_helper.to_array(weight)
        if not np.abs(values).max() <= np.finfo(np.float16).max:
            raise SignLensError(
                path, f"the weight {weight.name} is beyond the range of float16", "export it in float32"
            )
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}:half"))
        casts.append(helper.make_node("Cast", [f"{name}:half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    with whole_file(path) as temporary:
        onnx.save(model, str(temporary))


def quantise(path: Path, calibration: Array, kinds: tuple[str, ...] = ("Conv", "MatMul", "Gemm")) -> None:
    """Turn an ONNX file's convolutions and matrix products into products of eight-bit integers.

    Weights have a scale for each channel out, activations one each, from what they span on the calibration
    clips.

    Args:
        path: The file, with one input ``clip``; it is replaced.
        calibration: Inputs of training clips, (N, ...).
        kinds: Operators that are quantised.

    Raises:
        PartMissing: `onnx` is not installed.
    """
    try:
        import onnx  # noqa: F401
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    except ImportError:
        raise require_extra("train", "onnx") from None

    class Clips(CalibrationDataReader):
        def __init__(self) -> None:
            self.left: Iterator[Array] = iter(np.split(calibration, range(16, len(calibration), 16)))

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self.left, None)
            return None if batch is None else {"clip": batch}

    loudness = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it advises on the root logger, for every call
    try:
        with whole_file(path) as temporary:
            quantize_static(
                str(path),
                str(temporary),
                Clips(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(kinds),
                per_channel=True,
                reduce_range=True,  # 7 bits: sums of products in 16 bits do not overflow on older processors
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
    finally:
        logging.root.setLevel(loudness)
