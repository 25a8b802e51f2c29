"""Exported networks with weights in half precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from signlens.errors import SignLensError, UsageError
from signlens.files import whole_file
from signlens.optional import require_extra

FLOAT32, FLOAT16 = "float32", "float16"

PRECISIONS = (FLOAT32, FLOAT16)

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


def reduce_precision(path: Path, precision: str) -> None:
    """Store an ONNX file's weights in a precision.

    Args:
        path: The file in float32; it is replaced.
        precision: One of `PRECISIONS`.

    Raises:
        UsageError: There is no such precision.
        SignLensError: A weight is beyond the range of float16.
        PartMissing: `onnx` is not installed.
    """
    check_precision(precision)
    if precision == FLOAT16:
        store_in_half_precision(path)


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
