"""`.pose` files: exact round trip, other tools' readers, other tools' files, and damage of every kind."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pose_format import Pose
from pose_format.numpy import NumPyPoseBody
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions
from pose_format.pose_visualizer import PoseVisualizer

from signlens.errors import InputRejected
from signlens.pose import PoseClip, Provenance, check_provenance, read_pose, write_pose
from signlens.pose.layouts import MEDIAPIPE_POSE_NAMES
from signlens.reasons import Reason


def make_clip(frames: int = 6, mesh: bool = True, seed: int = 0) -> PoseClip:
    random = np.random.default_rng(seed)
    keypoints = random.uniform(0, 300, (frames, 133, 4)).astype(np.float32)
    keypoints[..., 3] = random.uniform(0.01, 1, (frames, 133))
    gone = random.random((frames, 133)) < 0.3
    keypoints[gone, :3] = np.nan
    keypoints[gone, 3] = 0
    face_mesh = None
    if mesh:
        face_mesh = random.normal(150, 90, (frames, 468, 3)).astype(np.float32)
        face_mesh[frames // 2] = np.nan
    return PoseClip(
        keypoints=keypoints,
        face_mesh=face_mesh,
        times=np.cumsum(random.uniform(0.01, 0.07, frames)),
        fps=29.97002997,
        width=320,
        height=240,
        provenance=Provenance(
            extractor="mediapipe-holistic",
            version="0.10.21",
            models={"hand.tflite": "ab" * 32},
            settings={"face_every": 4, "smooth": True},
            source={"name": "clip é.mp4", "sha256": "cd" * 32},
        ),
        reasons=(Reason("several_people", "Zwei Personen — the larger was taken."),),
    )


def assert_same(a: PoseClip, b: PoseClip) -> None:
    np.testing.assert_array_equal(a.keypoints, b.keypoints)
    assert a.keypoints.dtype == b.keypoints.dtype == np.float32
    if a.face_mesh is None:
        assert b.face_mesh is None
    else:
        assert b.face_mesh is not None
        np.testing.assert_array_equal(a.face_mesh, b.face_mesh)
    np.testing.assert_array_equal(a.times, b.times)
    assert (a.fps, a.width, a.height, a.provenance, a.reasons) == (
        b.fps,
        b.width,
        b.height,
        b.provenance,
        b.reasons,
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.integers(1, 9), mesh=st.booleans(), seed=st.integers(0, 2**31))
def test_round_trip_is_exact(tmp_path: Path, frames: int, mesh: bool, seed: int) -> None:
    clip = make_clip(frames, mesh, seed)
    write_pose(clip, tmp_path / "a.pose")
    assert_same(clip, read_pose(tmp_path / "a.pose"))
    first = (tmp_path / "a.pose").read_bytes()
    write_pose(read_pose(tmp_path / "a.pose"), tmp_path / "a.pose")
    assert (tmp_path / "a.pose").read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["a.pose"]  # no temporary file is left behind


@pytest.mark.parametrize("mesh", [True, False])
def test_opens_in_pose_format_and_its_viewer(tmp_path: Path, mesh: bool) -> None:
    clip = make_clip(4, mesh)
    write_pose(clip, tmp_path / "a.pose")
    with (tmp_path / "a.pose").open("rb") as handle:
        pose = Pose.read(handle.read())
    points = 133 + (468 if mesh else 0)
    assert pose.body.data.shape == (4, 1, points, 3)
    assert (pose.header.dimensions.width, pose.header.dimensions.height) == (320, 240)
    assert pose.body.fps == pytest.approx(clip.fps)
    seen = clip.keypoints[..., 3] > 0
    np.testing.assert_array_equal(pose.body.confidence[:, 0, :133], clip.keypoints[..., 3])
    np.testing.assert_array_equal(pose.body.data.mask[:, 0, :133, 0], ~seen)
    np.testing.assert_array_equal(pose.body.data.data[:, 0, :133][seen], clip.keypoints[..., :3][seen])
    pictures = list(PoseVisualizer(pose).draw())
    assert len(pictures) == 4
    assert pictures[0].shape == (240, 320, 3)
    assert all((picture != 255).any() for picture in pictures)


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.pose"
    write_pose(make_clip(2, mesh=False), path)
    content = path.read_bytes()
    random = np.random.default_rng(5)
    positions = {0, 5, len(content) - 1, len(content) - 8, len(content) - 9, len(content) - 41}
    positions |= set(random.integers(0, len(content), 300).tolist())
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(InputRejected) as caught:
            read_pose(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.pose"
    write_pose(make_clip(3), path)
    content = path.read_bytes()
    pose_end = content.index(b'{"block"')  # exactly behind the body: a valid .pose file but for our block
    for length in {1, 4, 20, 400, 3000, len(content) // 2, pose_end, pose_end + 1, len(content) - 1}:
        path.write_bytes(content[:length])
        with pytest.raises(InputRejected):
            read_pose(path)
    path.write_bytes(b"")
    with pytest.raises(InputRejected, match="empty"):
        read_pose(path)


def seal(body: bytes, block: bytes) -> bytes:
    """A block whose checksum holds, around whatever content."""
    content = body + block + struct.pack("<I", len(block))
    return content + hashlib.sha256(content).digest() + b"SIGNLENS"


def test_reads_files_from_before_reasons_had_codes(tmp_path: Path) -> None:
    path = tmp_path / "a.pose"
    write_pose(make_clip(3), path)
    content = path.read_bytes()
    start = content.index(b'{"block"')
    block = json.loads(content[start:-44])
    block["reasons"] = ["the end of the file is missing", "A sentence."]
    path.write_bytes(seal(content[:start], json.dumps(block).encode()))
    texts = ("The end of the file is missing.", "A sentence.")
    assert read_pose(path).reasons == tuple(Reason("unclassified", text) for text in texts)


def test_sealed_nonsense_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.pose"
    write_pose(make_clip(3), path)
    content = path.read_bytes()
    start = content.index(b'{"block"')
    body, block = content[:start], content[start:-44]
    path.write_bytes(seal(body, block))
    assert_same(make_clip(3), read_pose(path))
    shown = make_clip(3).keypoints
    first = int(np.flatnonzero(shown[0, :, 3] > 0)[0])
    data_start = start - 3 * 601 * 4 * 4
    not_a_number = bytearray(body)
    not_a_number[data_start + first * 12 : data_start + first * 12 + 4] = struct.pack("<f", float("nan"))
    for bad_body, bad_block in (
        (bytes(not_a_number), block),
        (body, block.replace(b'"block": 1', b'"block": 9')),
        (body, b"{}"),
        (body, b"[1]"),
        (body, b"\xff\xfe"),
        (body[:-4], block),
        (body, block.replace(b'"times": [', b'"times": [0.0, ')),
    ):
        path.write_bytes(seal(bad_body, bad_block))
        with pytest.raises(InputRejected):
            read_pose(path)


@pytest.mark.parametrize("content", [b"hello, this is text" * 50, bytes(4096), b"\xff" * 4096, b"\x00"])
def test_other_files_are_rejected(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pose"
    path.write_bytes(content)
    with pytest.raises(InputRejected, match=r"a\.pose"):
        read_pose(path)


def test_missing_directory_and_too_large(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match="no such file"):
        read_pose(tmp_path / "none.pose")
    with pytest.raises(InputRejected, match="directory"):
        read_pose(tmp_path)
    write_pose(make_clip(3), tmp_path / "a.pose")
    with pytest.raises(InputRejected, match="more than the 100 allowed"):
        read_pose(tmp_path / "a.pose", max_bytes=100)


def foreign(
    path: Path,
    components: list[tuple[str, list[str]]],
    data: np.ndarray,
    confidence: np.ndarray,
    point_format: str = "XYZC",
) -> None:
    header = PoseHeader(
        0.2,
        PoseHeaderDimensions(200, 100, 0),
        [PoseHeaderComponent(name, points, [], [(0, 0, 0)], point_format) for name, points in components],
    )
    with path.open("wb") as out:
        Pose(header, NumPyPoseBody(25.0, data.astype(np.float32), confidence.astype(np.float32))).write(out)


HAND = [f"H{i}" for i in range(21)]


@pytest.mark.parametrize("world", [False, True])
@pytest.mark.parametrize("face", [468, 478, 0])
def test_reads_holistic_files_of_other_tools(tmp_path: Path, world: bool, face: int) -> None:
    components = [("POSE_LANDMARKS", list(MEDIAPIPE_POSE_NAMES))]
    if face:
        components.append(("FACE_LANDMARKS", [str(i) for i in range(face)]))
    components += [("LEFT_HAND_LANDMARKS", HAND), ("RIGHT_HAND_LANDMARKS", HAND)]
    if world:
        components.append(("POSE_WORLD_LANDMARKS", list(MEDIAPIPE_POSE_NAMES)))
    count = sum(len(points) for _, points in components)
    random = np.random.default_rng(1)
    data = random.uniform(1, 90, (5, 1, count, 3))
    confidence = np.ones((5, 1, count))
    left = 33 + face
    confidence[2, 0, left : left + 21] = 0
    foreign(tmp_path / "h.pose", components, data, confidence)
    clip = read_pose(tmp_path / "h.pose")
    assert any("not known" in reason.text for reason in clip.reasons)
    assert clip.provenance.extractor == "unknown"
    assert clip.coverage().left_hand == pytest.approx(0.8)
    assert np.isnan(clip.keypoints[2, 91:112, :3]).all()
    data = data.astype(np.float32)
    nose, left_wrist = data[:, 0, 0], data[:, 0, MEDIAPIPE_POSE_NAMES.index("LEFT_WRIST")]
    np.testing.assert_array_equal(clip.keypoints[:, 0, :2], nose[:, :2])
    np.testing.assert_allclose(clip.keypoints[:, 0, 2], nose[:, 2] * 200)
    np.testing.assert_array_equal(clip.keypoints[:, 9, :2], left_wrist[:, :2])
    np.testing.assert_array_equal(clip.keypoints[:, 112:133, :2], data[:, 0, left + 21 : left + 42, :2])
    if face:
        assert clip.face_mesh is not None
        np.testing.assert_array_equal(clip.face_mesh[:, :, :2], data[:, 0, 33 : 33 + 468, :2])
    else:
        assert clip.face_mesh is None
        assert clip.coverage().face == 0
    np.testing.assert_allclose(np.diff(clip.times), 0.04)


@pytest.mark.parametrize("point_format", ["XYC", "XYZC"])
def test_reads_133_points_of_two_people(tmp_path: Path, point_format: str) -> None:
    random = np.random.default_rng(2)
    size = len(point_format) - 1
    small = random.uniform(0, 20, (4, 133, size))
    large = random.uniform(0, 90, (4, 133, size))
    data = np.stack([small, large], axis=1)
    components = [("BODY", [f"b{i}" for i in range(23)]), ("FACE", [f"f{i}" for i in range(68)])]
    components += [("LEFT_HAND", HAND), ("RIGHT_HAND", HAND)]
    foreign(tmp_path / "c.pose", components, data, np.ones((4, 2, 133)), point_format)
    clip = read_pose(tmp_path / "c.pose")
    np.testing.assert_array_equal(clip.keypoints[..., :2], large[..., :2].astype(np.float32))
    assert np.isfinite(clip.keypoints).all()
    assert len(clip.reasons) == 2


def test_wrong_number_of_points_and_nan_of_other_tools(tmp_path: Path) -> None:
    components = [("BODY", [f"b{i}" for i in range(120)])]
    foreign(tmp_path / "w.pose", components, np.ones((2, 1, 120, 3)), np.ones((2, 1, 120)))
    with pytest.raises(InputRejected, match="120 points"):
        read_pose(tmp_path / "w.pose")
    components = [("BODY", [f"b{i}" for i in range(133)])]
    data = np.ones((2, 1, 133, 3))
    data[1, 0, 7, 0] = np.nan
    foreign(tmp_path / "n.pose", components, data, np.ones((2, 1, 133)))
    with pytest.raises(InputRejected, match="not numbers"):
        read_pose(tmp_path / "n.pose")
    foreign(tmp_path / "e.pose", components, np.ones((0, 1, 133, 3)), np.ones((0, 1, 133)))
    with pytest.raises(InputRejected, match="0 frames"):
        read_pose(tmp_path / "e.pose")


def test_a_header_that_claims_the_world_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.pose"
    foreign(path, [("BODY", [f"b{i}" for i in range(133)])], np.ones((2, 1, 133, 3)), np.ones((2, 1, 133)))
    content = path.read_bytes()
    body = 10 + 2 * 133 * 4 * 4
    claim = struct.pack("<fIH", 25.0, 4_000_000_000, 60_000)
    path.write_bytes(content[:-body] + claim + content[-body + 10 :])
    with pytest.raises(InputRejected, match="its header promises"):
        read_pose(path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pose"
    write_pose(make_clip(2), path)
    before = path.read_bytes()
    broken = make_clip(2)
    object.__setattr__(broken, "fps", float("inf"))
    with pytest.raises(ValueError, match="JSON"):
        write_pose(broken, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.pose"]


def test_provenance_disagreement_is_a_reason() -> None:
    clip = make_clip(1)
    assert check_provenance(clip, "mediapipe-holistic") is None
    reason = check_provenance(clip, "rtmw")
    assert reason is not None
    assert reason.code == "other_extractor"
    assert "mediapipe-holistic" in reason.text
    assert "rtmw" in reason.text
