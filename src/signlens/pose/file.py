"""`.pose` files: the sign language ecosystem's format, with provenance and a checksum.

A file that SignLens writes is an ordinary `.pose` file (version 0.2, read by pose-format and its viewers)
with five components (``BODY``, ``FACE``, ``LEFT_HAND``, ``RIGHT_HAND`` in COCO-WholeBody order, and
``SIGNLENS_FACE_MESH``), followed by a block that other readers never reach::

    header | body | JSON (UTF-8) | length of the JSON (uint32) | SHA-256 of all before | b"SIGNLENS"

The JSON carries the provenance, the exact frame times and the reasons. The name of the fifth component
tells that the block must be there, so that a file that was cut right behind its body is noticed too.

MediaPipe is never imported here.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected
from signlens.files import whole_file
from signlens.pose.clip import (
    FACE,
    FACE_MESH_POINTS,
    FEET,
    LEFT_HAND,
    RIGHT_HAND,
    WHOLE_BODY_KEYPOINTS,
    PoseClip,
    Provenance,
)
from signlens.pose.layouts import (
    FACE_NAMES,
    HAND_NAMES,
    KEYPOINT_NAMES,
    LIMBS,
    MEDIAPIPE_HAND_POINTS,
    MEDIAPIPE_POSE_POINTS,
    HolisticPoints,
    whole_body_from_holistic,
)
from signlens.reasons import Reason

if TYPE_CHECKING:
    from pose_format import Pose
    from pose_format.pose_header import PoseHeader

POSE_FILE_MAX_BYTES = 2**30
"""Largest `.pose` file that is read by default: about an hour at 30 frames per second."""

POSE_SUFFIX = ".pose"

UNKNOWN_EXTRACTOR = "unknown"

_MAGIC = b"SIGNLENS"
_TAIL = struct.Struct("<I32s8s")
_MESH_COMPONENT = "SIGNLENS_FACE_MESH"
_HEADER_REGION = 1 << 16  # our own header ends well before
_BLOCK_VERSION = 1
_EXTRACT_AGAIN = "extract the poses again"


def write_pose(clip: PoseClip, path: str | Path) -> None:
    """Save a clip as a `.pose` file, whole or not at all.

    Coordinates and confidences are stored as float32, exactly; a missing point is stored as zeros with
    confidence 0, as the format has it, and read back as NaN.

    Args:
        clip: The poses.
        path: Where to; an existing file is replaced.

    Raises:
        InputRejected: The frame is larger than the format can say (65,535 pixels a side).
        OSError: The folder cannot be written to.
    """
    path = Path(path)
    if max(clip.width, clip.height) > 0xFFFF:
        raise InputRejected(path, f"a frame of {clip.width}x{clip.height} is larger than .pose files can say")
    content = _pack(clip)
    with whole_file(path) as part:
        part.write_bytes(content)


def read_pose(path: str | Path, max_bytes: int = POSE_FILE_MAX_BYTES) -> PoseClip:
    """Load a `.pose` file.

    A file that SignLens wrote comes back exactly as it was saved. A file of another tool (MediaPipe
    Holistic components with 543 or 576 points, also with irises or a reduced face, or 133 COCO-WholeBody
    points) is read too; ``reasons`` then says that its provenance is unknown.

    Args:
        path: The file.
        max_bytes: Larger files are rejected before anything is read.

    Returns:
        The poses.

    Raises:
        InputRejected: No such file, a directory, too large, cut, altered, not a `.pose` file, an unknown
            layout, or positions that are not numbers.
    """
    path = Path(path)
    data = _read_bytes(path, max_bytes)
    if data[-len(_MAGIC) :] == _MAGIC:
        return _unpack_own(path, data)
    return _unpack_foreign(path, data)


def is_pose_file(source: str | Path) -> bool:
    """Whether an input is taken for a `.pose` file: by its name.

    >>> is_pose_file("clip.pose"), is_pose_file("clip.mp4")
    (True, False)
    """
    return Path(source).suffix.lower() == POSE_SUFFIX


def check_provenance(clip: PoseClip, expected_extractor: str) -> Reason | None:
    """Say when poses come from another extractor than the one a model was trained on.

    Args:
        clip: The poses.
        expected_extractor: `Provenance.extractor` of the model's training poses.

    Returns:
        The reason, or None when they agree.
    """
    found = clip.provenance.extractor
    if found == expected_extractor:
        return None
    if found == UNKNOWN_EXTRACTOR:
        return Reason(
            "unknown_extractor",
            f"It is not known which extractor made these poses, and the model was trained on poses of "
            f"{expected_extractor}; its answer may be worse than it seems.",
        )
    return Reason(
        "other_extractor",
        f"The poses were made by {found}, but the model was trained on poses of {expected_extractor}; "
        "its answer may be worse than it seems.",
    )


# ---------------------------------------------------------------------------------------------------
# Writing


def _pack(clip: PoseClip) -> bytes:
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    def component(
        name: str, points: tuple[str, ...], limbs: Any, colors: list[tuple[int, int, int]]
    ) -> PoseHeaderComponent:
        return PoseHeaderComponent(name, list(points), list(limbs), colors, "XYZC")

    def within(group: str, start: int) -> list[tuple[int, int]]:
        return [(a - start, b - start) for a, b in LIMBS[group]]

    mesh_names = () if clip.face_mesh is None else tuple(str(i) for i in range(FACE_MESH_POINTS))
    header = PoseHeader(
        0.2,
        PoseHeaderDimensions(clip.width, clip.height, 0),
        [
            component("BODY", KEYPOINT_NAMES[: FEET.stop], LIMBS["body"] + LIMBS["feet"], [(27, 94, 160)]),
            component("FACE", FACE_NAMES, within("face", FACE.start), [(110, 110, 110)]),
            component("LEFT_HAND", HAND_NAMES, within("left_hand", LEFT_HAND.start), [(0, 130, 90)]),
            component("RIGHT_HAND", HAND_NAMES, within("right_hand", RIGHT_HAND.start), [(200, 90, 0)]),
            component(_MESH_COMPONENT, mesh_names, (), [(190, 190, 190)]),
        ],
    )
    positions = clip.keypoints[..., :3].astype(np.float32)
    confidence = clip.keypoints[..., 3].astype(np.float32)
    positions[~(confidence > 0)] = 0
    if clip.face_mesh is not None:
        seen = np.isfinite(clip.face_mesh).all(axis=-1)
        mesh = np.where(seen[..., None], clip.face_mesh, np.float32(0)).astype(np.float32)
        positions = np.concatenate([positions, mesh], axis=1)
        confidence = np.concatenate([confidence, seen.astype(np.float32)], axis=1)
    out = io.BytesIO()
    Pose(header, NumPyPoseBody(clip.fps, positions[:, None], confidence[:, None])).write(out)
    origin = clip.provenance
    block = json.dumps(
        {
            "block": _BLOCK_VERSION,
            "extractor": origin.extractor,
            "version": origin.version,
            "models": origin.models,
            "settings": origin.settings,
            "source": origin.source,
            "fps": clip.fps,
            "width": clip.width,
            "height": clip.height,
            "times": clip.times.tolist(),
            "reasons": [reason.to_json() for reason in clip.reasons],
        },
        sort_keys=True,
        allow_nan=False,
    ).encode()
    out.write(block)
    out.write(struct.pack("<I", len(block)))
    content = out.getvalue()
    return content + hashlib.sha256(content).digest() + _MAGIC


# ---------------------------------------------------------------------------------------------------
# Reading


def _read_bytes(path: Path, max_bytes: int) -> bytes:
    try:
        if path.is_dir():
            raise InputRejected(path, "this is a directory, not a .pose file", "name the file in it")
        size = path.stat().st_size
        if size == 0:
            raise InputRejected(path, "the file is empty", _EXTRACT_AGAIN)
        if size > max_bytes:
            raise InputRejected(
                path, f"the file has {size:,} bytes, more than the {max_bytes:,} allowed", "cut it into clips"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise InputRejected(path, "there is no such file", "check the path") from None
    except OSError as error:
        raise InputRejected(path, f"the file cannot be read ({error.strerror})", "check the path") from None


def _unpack_own(path: Path, data: bytes) -> PoseClip:
    """Read a file with our block; nothing in it is believed before the checksum holds."""
    if len(data) < _TAIL.size:
        raise InputRejected(path, "the .pose file is cut off", _EXTRACT_AGAIN)
    length, digest, _ = _TAIL.unpack(data[-_TAIL.size :])
    if hashlib.sha256(data[: -_TAIL.size + 4]).digest() != digest:
        raise InputRejected(path, "its checksum is wrong: it was damaged or altered", _EXTRACT_AGAIN)
    body_end = len(data) - _TAIL.size - length
    try:
        block = json.loads(data[body_end : -_TAIL.size])
        header, pose = _parse(path, data[:body_end])
        if block["block"] != _BLOCK_VERSION:
            raise InputRejected(
                path,
                f"another version of SignLens wrote it (block {block['block']})",
                _EXTRACT_AGAIN,
            )
        names = [c.name for c in header.components]
        counts = [len(c.points) for c in header.components]
        mesh_points = counts[-1] if names[-1:] == [_MESH_COMPONENT] else -1
        if sum(counts) - mesh_points != WHOLE_BODY_KEYPOINTS or mesh_points not in (0, FACE_MESH_POINTS):
            raise InputRejected(
                path,
                f"the .pose file has {sum(counts)} points, not 133, or 133 and a face mesh of 468",
                _EXTRACT_AGAIN,
            )
        positions, confidence = _single_person(pose)
        whole = np.concatenate([positions, confidence[..., None]], axis=-1)
        keypoints = _missing_as_nan(whole[:, :WHOLE_BODY_KEYPOINTS])
        face_mesh = _missing_as_nan(whole[:, WHOLE_BODY_KEYPOINTS:])[..., :3].copy() if mesh_points else None
        return PoseClip(
            keypoints=keypoints,
            face_mesh=face_mesh,
            times=np.asarray(block["times"], dtype=np.float64),
            fps=float(block["fps"]),
            width=int(block["width"]),
            height=int(block["height"]),
            provenance=Provenance(
                extractor=str(block["extractor"]),
                version=str(block["version"]),
                models=dict(block["models"]),
                settings=dict(block["settings"]),
                source=dict(block["source"]),
            ),
            reasons=tuple(Reason.from_json(reason) for reason in block["reasons"]),
        )
    except InputRejected as error:
        raise InputRejected(path, error.problem, error.remedy or _EXTRACT_AGAIN) from None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputRejected(path, f"the .pose file does not make sense ({error})", _EXTRACT_AGAIN) from None


def _parse(path: Path, data: bytes) -> tuple[PoseHeader, Pose]:
    """Header and body through pose-format, after the body's claims were held against the file's size."""
    from pose_format import Pose, PoseHeader
    from pose_format.numpy import NumPyPoseBody
    from pose_format.utils.reader import BufferReader

    not_pose = InputRejected(path, "this is not a .pose file, or it is cut off", _EXTRACT_AGAIN)
    try:
        reader = BufferReader(data)
        header = PoseHeader.read(reader)
    except (struct.error, ValueError, TypeError, IndexError, MemoryError, OverflowError):
        raise not_pose from None
    version = round(header.version, 3) if np.isfinite(header.version) else -1.0
    if version not in (0.1, 0.2) or not header.components:
        raise not_pose
    points, dimensions = header.total_points(), header.num_dims()
    start = reader.read_offset
    try:
        if version == 0.2:
            fps, frames, people = struct.unpack_from("<fIH", data, start)
            start += 10
        else:  # the frame count of version 0.1 is too small a number to be believed
            fps, _, people = struct.unpack_from("<HHH", data, start)
            start += 6
            per_frame = people * points * (dimensions + 1) * 4
            frames = (len(data) - start) // per_frame if per_frame else 0
    except struct.error:
        raise not_pose from None
    expected = start + frames * people * points * (dimensions + 1) * 4
    if not frames or not people or not points or dimensions not in (2, 3):
        raise InputRejected(
            path,
            f"it holds {frames} frames of {people} people and {points} points",
            _EXTRACT_AGAIN,
        )
    if expected != len(data):
        raise InputRejected(
            path,
            f"it is cut off or damaged ({len(data):,} bytes where its header promises {expected:,})",
            _EXTRACT_AGAIN,
        )
    if not np.isfinite(fps) or fps <= 0:
        raise InputRejected(path, f"the .pose file claims {fps} frames per second", _EXTRACT_AGAIN)
    try:
        body = NumPyPoseBody.read(header, reader)
    except (struct.error, ValueError, TypeError, IndexError, MemoryError, OverflowError):
        raise not_pose from None
    return header, Pose(header, body)


def _single_person(pose: Pose) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(T, P, 3) positions and (T, P) confidences of the person who takes most room."""
    positions = np.asarray(pose.body.data.data, dtype=np.float32)
    confidence = np.asarray(pose.body.confidence, dtype=np.float32)
    if positions.shape[1] > 1:
        seen = confidence > 0
        x = np.where(seen, positions[..., 0], np.nan)
        y = np.where(seen, positions[..., 1], np.nan)
        with np.errstate(all="ignore"):
            room = np.nanmax(x, -1, initial=-np.inf) - np.nanmin(x, -1, initial=np.inf)
            room = room * (np.nanmax(y, -1, initial=-np.inf) - np.nanmin(y, -1, initial=np.inf))
        room = np.where(seen.sum(-1) > 1, room, 0)
        person = int(room.sum(axis=0).argmax())
    else:
        person = 0
    positions, confidence = positions[:, person], confidence[:, person]
    if positions.shape[-1] == 2:
        positions = np.concatenate([positions, np.zeros_like(positions[..., :1])], axis=-1)
    return positions, confidence


def _missing_as_nan(points: NDArray[np.float32]) -> NDArray[np.float32]:
    points = points.copy()
    missing = points[..., 3] == 0
    points[missing, :3] = np.nan
    return points


def _unpack_foreign(path: Path, data: bytes) -> PoseClip:
    """Read what another tool wrote; say that nobody vouches for it."""
    if _MESH_COMPONENT.encode() in data[:_HEADER_REGION]:
        raise InputRejected(path, "the .pose file is cut off or its end is damaged", _EXTRACT_AGAIN)
    header, pose = _parse(path, data)
    positions, confidence = _single_person(pose)
    whole = np.concatenate([positions, confidence[..., None]], axis=-1)
    if not np.isfinite(confidence).all() or not np.isfinite(whole[confidence > 0]).all():
        raise InputRejected(path, "positions that count as seen are not numbers", _EXTRACT_AGAIN)
    width, height = header.dimensions.width, header.dimensions.height
    whole[..., 3] = np.clip(whole[..., 3], 0, 1)
    parts: dict[str, NDArray[np.float32]] = {}
    names: dict[str, list[str]] = {}
    start = 0
    for component in header.components:
        parts[component.name] = whole[:, start : start + len(component.points)]
        names[component.name] = list(component.points)
        start += len(component.points)

    face_mesh: NDArray[np.float32] | None = None
    if "POSE_LANDMARKS" in parts:
        keypoints, face_mesh = _from_holistic_components(path, parts, names, width)
    elif start == WHOLE_BODY_KEYPOINTS:
        keypoints = _missing_as_nan(whole)
    else:
        raise InputRejected(
            path,
            f"the .pose file has {start} points in the components {', '.join(parts)}, which is neither "
            "MediaPipe Holistic nor COCO-WholeBody 133",
            "extract the poses with signlens extract",
        )
    reasons = [
        Reason(
            "unknown_extractor",
            "The .pose file was written by another tool: it is not known which extractor made its poses, "
            "and it carries no checksum.",
        )
    ]
    if pose.body.data.shape[1] > 1:
        text = "The .pose file holds several people; the one who takes most room was used."
        reasons.append(Reason("several_people", text))
    if len(keypoints) == 1:
        text = "The .pose file holds a single frame, so no movement can be seen."
        reasons.append(Reason("single_frame", text))
    fps = float(pose.body.fps)
    try:
        return PoseClip(
            keypoints=keypoints,
            face_mesh=face_mesh,
            times=np.arange(len(keypoints), dtype=np.float64) / fps,
            fps=fps,
            width=width,
            height=height,
            provenance=Provenance(
                extractor=UNKNOWN_EXTRACTOR,
                version="",
                source={"name": path.name, "sha256": hashlib.sha256(data).hexdigest()},
            ),
            reasons=tuple(reasons),
        )
    except InputRejected as error:
        raise InputRejected(path, error.problem, error.remedy) from None


def _from_holistic_components(
    path: Path, parts: dict[str, NDArray[np.float32]], names: dict[str, list[str]], width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Whole-body keypoints and face mesh from pose-format's MediaPipe Holistic components."""
    pose = parts["POSE_LANDMARKS"].copy()
    frames = len(pose)

    def part(name: str, count: int) -> NDArray[np.float32]:
        found = parts.get(name)
        if found is None:
            return np.zeros((frames, count, 4), dtype=np.float32)
        if found.shape[1] != count:
            raise InputRejected(path, f"{name} has {found.shape[1]} points, not {count}", _EXTRACT_AGAIN)
        return found.copy()

    if pose.shape[1] != MEDIAPIPE_POSE_POINTS:
        raise InputRejected(path, f"POSE_LANDMARKS has {pose.shape[1]} points, not 33", _EXTRACT_AGAIN)
    left = part("LEFT_HAND_LANDMARKS", MEDIAPIPE_HAND_POINTS)
    right = part("RIGHT_HAND_LANDMARKS", MEDIAPIPE_HAND_POINTS)
    face = np.zeros((frames, FACE_MESH_POINTS, 4), dtype=np.float32)
    for column, name in enumerate(names.get("FACE_LANDMARKS", [])):
        # A full mesh, one with irises (468 and up) and a reduced one all name their points by number.
        if name.isdecimal() and int(name) < FACE_MESH_POINTS:
            face[:, int(name)] = parts["FACE_LANDMARKS"][:, column]
    for seen in (pose, left, right, face):
        seen[..., 2] *= width  # pose-format leaves z as MediaPipe has it: in frame widths
    points = HolisticPoints(pose=pose, face_mesh=face, left_hand=left, right_hand=right)
    complete = len(names.get("FACE_LANDMARKS", [])) >= FACE_MESH_POINTS
    return whole_body_from_holistic(points), _missing_as_nan(face)[..., :3].copy() if complete else None
