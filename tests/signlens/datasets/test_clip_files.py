"""Clips in other people's files: arrays, OpenPose's JSON, and finding files at all."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from signlens.datasets.clip_files import ClipFiles, without_endings
from signlens.datasets.openpose import BODY_25, COCO_18, read_openpose_folder
from signlens.datasets.whole_body_arrays import read_whole_body_array, unmirrored
from signlens.errors import InputRejected
from signlens.pose import KEYPOINT_NAMES

# -- COCO-WholeBody arrays ------------------------------------------------------------------------------


def test_an_array_of_x_y_score(tmp_path: Path) -> None:
    array = np.random.default_rng(0).uniform(1, 500, (7, 133, 3))
    array[..., 2] = 0.5
    array[0, 4, 2] = 0  # not found
    array[0, 5, 2] = -0.01  # a regressed score may fall below
    array[0, 6, 2] = 1.2  # a heat-map's peak may exceed 1
    array[0, 7, 0] = np.nan
    np.save(tmp_path / "a.npy", array)
    poses = read_whole_body_array(tmp_path / "a.npy")
    assert poses.shape == (7, 133, 4)
    assert poses.dtype == np.float32
    np.testing.assert_allclose(poses[1:, :, :2], array[1:, :, :2], rtol=1e-6)
    assert not poses[..., 2].any(), "there is no depth"
    assert poses[0, 6, 3] == 1
    assert not poses[0, [4, 5, 7]].any(), "points that were not found are all zero"


def test_an_array_with_depth(tmp_path: Path) -> None:
    array = np.random.default_rng(1).random((3, 133, 4)).astype(np.float32)
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(read_whole_body_array(tmp_path / "a.npy"), array)


BAD_ARRAYS = {
    r"float64 of shape \(3, 27, 3\), not": np.zeros((3, 27, 3)),
    r"of shape \(3, 133, 2\)": np.zeros((3, 133, 2)),
    r"of shape \(133, 3\)": np.zeros((133, 3)),
    r"<U1 of shape": np.full((3, 133, 3), "a"),
    "0 frames": np.zeros((0, 133, 3)),
}


@pytest.mark.parametrize("problem", BAD_ARRAYS)
def test_an_array_of_something_else_is_rejected(tmp_path: Path, problem: str) -> None:
    np.save(tmp_path / "a.npy", BAD_ARRAYS[problem])
    with pytest.raises(InputRejected, match=problem) as caught:
        read_whole_body_array(tmp_path / "a.npy")
    assert caught.value.remedy


def test_what_is_no_array_is_rejected_and_objects_are_never_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputRejected, match="it is no array"):
        read_whole_body_array(path)
    np.save(path, np.ones((3, 133, 3)))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputRejected, match="it is no array"):
        read_whole_body_array(path)
    for content in (b"", b"hello"):
        path.write_bytes(content)
        with pytest.raises(InputRejected, match="it is no array"):
            read_whole_body_array(path)
    with path.open("wb") as file:
        np.savez(file, a=np.ones(3))
    with pytest.raises(InputRejected, match="several arrays"):
        read_whole_body_array(path)
    with pytest.raises(InputRejected, match="no such file"):
        read_whole_body_array(tmp_path / "b.npy")


def test_a_mirrored_signer_is_turned_back() -> None:
    """Made like SAM-SLR's: a frame 512 wide, mirrored, then looked at by a network."""
    rng = np.random.default_rng(2)
    true = rng.uniform(10, 500, (4, 133, 4)).astype(np.float32)
    true[..., 3] = rng.random((4, 133)) > 0.2
    true[true[..., 3] == 0] = 0
    names = [
        n.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right") for n in KEYPOINT_NAMES
    ]
    seen_as = [KEYPOINT_NAMES.index(n) for n in names]
    seen = true[:, seen_as].copy()
    seen[..., 0] = np.where(seen[..., 3] > 0, 512 - seen[..., 0], 0)
    back = unmirrored(seen)
    not_face = np.r_[0:23, 91:133]
    shift = (back - true)[:, not_face, 0][true[:, not_face, 3] > 0]
    np.testing.assert_allclose(shift, shift[0], atol=1e-3)  # where the frame's edge was is not known
    np.testing.assert_array_equal(back[:, not_face, 1:], true[:, not_face, 1:])


@given(arrays(np.float32, (2, 133, 4), elements=st.floats(0, 512, width=32)))
def test_turning_twice_changes_nothing(poses: np.ndarray) -> None:
    poses[..., 3] = poses[..., 3] > 200
    poses[poses[..., 3] == 0] = 0
    np.testing.assert_allclose(unmirrored(unmirrored(poses)), poses, atol=1e-3)


# -- OpenPose -------------------------------------------------------------------------------------------


def person(offset: float = 0.0, scale: float = 1.0, body: int = 25) -> dict[str, list[float]]:
    """Point i of each part lies at (offset + scale * i, 2 i), with a confidence that tells the part."""

    def part(points: int, confidence: float) -> list[float]:
        return [v for i in range(points) for v in (offset + scale * i, 2.0 * i, confidence)]

    return {
        "pose_keypoints_2d": part(body, 0.5),
        "face_keypoints_2d": part(70, 0.6),
        "hand_left_keypoints_2d": part(21, 0.7),
        "hand_right_keypoints_2d": part(21, 0.8),
    }


def write_frames(
    folder: Path, *frames: object, first: int = 0, name: str = "clip_{:012d}_keypoints.json"
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, people in enumerate(frames, first):
        (folder / name.format(number)).write_text(json.dumps({"version": 1.3, "people": people}))
    return folder


@pytest.mark.parametrize("names", [BODY_25, COCO_18])
def test_openpose_points_land_where_they_belong(tmp_path: Path, names: tuple[str, ...]) -> None:
    poses, _ = read_openpose_folder(write_frames(tmp_path / "a", [person(3, body=len(names))], []))
    assert poses.shape == (2, 133, 4)
    assert not poses[1].any(), "nobody is there"
    for name in ("nose", "left_shoulder", "right_wrist", "left_ear", "right_ankle"):
        i = names.index(name)
        np.testing.assert_allclose(poses[0, KEYPOINT_NAMES.index(name)], [3 + i, 2 * i, 0, 0.5])
    np.testing.assert_allclose(poses[0, KEYPOINT_NAMES.index("left_hand_root")], [3, 0, 0, 0.7])
    np.testing.assert_allclose(poses[0, KEYPOINT_NAMES.index("right_pinky_finger4")], [23, 40, 0, 0.8])
    np.testing.assert_allclose(poses[0, KEYPOINT_NAMES.index("face-67")], [70, 134, 0, 0.6])
    assert (poses[0, KEYPOINT_NAMES.index("left_heel")].any()) == (names is BODY_25)


def test_openpose_body_models_are_those_of_its_documentation() -> None:
    assert [BODY_25.index(n) for n in ("middle_hip", "right_eye", "left_ear", "left_heel")] == [8, 15, 18, 21]
    assert [COCO_18.index(n) for n in ("right_hip", "left_ankle", "right_eye", "left_ear")] == [8, 13, 14, 17]


def test_the_larger_of_two_people_counts_and_missing_parts_are_missing(tmp_path: Path) -> None:
    small, large = person(0, 0.1), person(100, 5.0)
    large["hand_left_keypoints_2d"] = []
    poses, _ = read_openpose_folder(write_frames(tmp_path / "a", [small, large]))
    assert poses[0, 0, 0] == 100
    assert not poses[0, 91:112].any()


def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """WLASL's published poses begin anywhere, and are not padded beyond five digits."""
    people = [[person(float(i))] for i in range(12)]
    folder = write_frames(tmp_path / "a", *people, first=99_995, name="image_{:05d}_keypoints.json")
    poses, digest = read_openpose_folder(folder)
    assert poses[:, 0, 0].tolist() == list(range(12))
    (folder / "image_99999_keypoints.json").write_text('{"people": []}')
    assert read_openpose_folder(folder)[1] != digest
    (folder / "image_99999_keypoints.json").unlink()
    with pytest.raises(InputRejected, match=r"image_100000_.*: frame 100000 does not follow .*\(99998\)"):
        read_openpose_folder(folder)


BAD_FRAMES = {
    "'people'": {},
    "pose_keypoints_2d has 4 numbers, not 75": {"people": [{"pose_keypoints_2d": [1, 2, 3, 4]}]},
    "hand_left_keypoints_2d has 3 numbers, not 63": {"people": [{"hand_left_keypoints_2d": [1, 2, 3]}]},
    "no number": {"people": [{"hand_left_keypoints_2d": [float("nan")] * 63}]},
    "could not convert": {"people": [{"pose_keypoints_2d": ["a"] * 75}]},
    "it is no frame": {"people": [3]},
}


@pytest.mark.parametrize("problem", BAD_FRAMES)
def test_a_frame_that_is_wrong_is_named(tmp_path: Path, problem: str) -> None:
    folder = write_frames(tmp_path / "a", [person()])
    (folder / "clip_000000000001_keypoints.json").write_text(json.dumps(BAD_FRAMES[problem]))
    with pytest.raises(InputRejected, match=problem) as caught:
        read_openpose_folder(folder)
    assert "clip_000000000001" in str(caught.value)
    assert caught.value.remedy


# -- finding files ----------------------------------------------------------------------------------------


def touch(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    return root


@pytest.mark.parametrize(
    ("name", "clip"),
    [("a.mp4", "a"), ("a.pose", "a"), ("a_color.mp4.npy", "a_color"), ("a.b", "a.b"), ("x/a.MOV", "x/a")],
)
def test_endings_say_how_a_clip_is_stored_not_what_it_is(name: str, clip: str) -> None:
    assert without_endings(name) == clip


def test_files_are_found_by_path_then_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "a.pose", "one/b.npy", "two/b.npy", "two/c.mp4", "d/x_1_keypoints.json", "notes.txt")
    poses = ClipFiles([tmp_path], ("pose", "array", "openpose"))
    assert len(poses) == 4
    assert poses.find(["missing", "a"]).path == tmp_path / "a.pose"
    assert poses.find(["two/b"]).path == tmp_path / "two" / "b.npy"
    assert poses.find(["d"]).path == tmp_path / "d"
    assert poses.find(["c"]) is None, "a video is no pose file"
    with pytest.raises(InputRejected, match=r"b\.npy is called b too"):
        poses.find(["b"])
    assert ClipFiles([tmp_path], ("video",)).find(["c"]).path == tmp_path / "two" / "c.mp4"


def test_a_link_back_up_is_not_followed_forever(tmp_path: Path) -> None:
    touch(tmp_path, "clips/a.mp4")
    (tmp_path / "clips" / "again").symlink_to(tmp_path / "clips")
    assert [file.key for file in ClipFiles([tmp_path], ("video",))] == ["clips/a"]


def test_names_are_compared_in_one_spelling_of_accents(tmp_path: Path) -> None:
    touch(tmp_path, "cafe\u0301.mp4")
    assert ClipFiles([tmp_path], ("video",)).find(["caf\u00e9"]) is not None


def test_a_name_that_is_no_text_is_reported(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/a\xff.mp4", "wb"):  # noqa: PTH123
        pass
    with pytest.raises(InputRejected, match="not UTF-8 text"):
        ClipFiles([tmp_path], ("video",))
