import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from signlens.errors import UsageError
from signlens.skeleton import streams
from signlens.skeleton.graph import EDGES

clips = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.just(27), st.just(3)),
    elements=st.floats(-500, 500, width=32),
)


@given(clips)
@settings(max_examples=40, deadline=None)
def test_bones_rebuild_the_joints_from_the_nose(clip: np.ndarray) -> None:
    joint = streams.to_bone(clip)
    for parent, child in EDGES:
        joint[..., child, :] += joint[..., parent, :]
    np.testing.assert_allclose(joint, clip, atol=2e-2)


@given(clips)
@settings(max_examples=40, deadline=None)
def test_motion_sums_back_to_positions(clip: np.ndarray) -> None:
    steps = np.concatenate([clip[:1], streams.to_motion(clip)[:-1]])
    np.testing.assert_allclose(steps.cumsum(axis=0, dtype=np.float32), clip, atol=2e-2)


@given(clips)
@settings(max_examples=40, deadline=None)
def test_mirror_twice_is_the_identity(clip: np.ndarray) -> None:
    np.testing.assert_array_equal(streams.mirror_nodes(streams.mirror_nodes(clip)), clip)
    np.testing.assert_allclose(streams.mirror_nodes(streams.mirror_nodes(clip, 512), 512), clip, atol=1e-3)


@given(clips)
@settings(max_examples=20, deadline=None)
def test_mirror_commutes_with_bones_up_to_the_sign_of_x(clip: np.ndarray) -> None:
    np.testing.assert_allclose(
        streams.to_bone(streams.mirror_nodes(clip)), streams.mirror_nodes(streams.to_bone(clip)), atol=1e-3
    )


def test_streams_of_a_clip_worked_by_hand() -> None:
    clip = np.zeros((3, 27, 2), np.float32)
    clip[:, 0] = [10, 20]
    clip[:, 1] = [[13, 24], [14, 24], [16, 24]]
    bone = streams.make_stream(clip, "bone")
    np.testing.assert_array_equal(bone[:, 1], [[3, 4], [4, 4], [6, 4]])
    np.testing.assert_array_equal(bone[:, 0], clip[:, 0])
    np.testing.assert_array_equal(streams.make_stream(clip, "joint_motion")[:, 1], [[1, 0], [2, 0], [0, 0]])
    np.testing.assert_array_equal(streams.make_stream(clip, "bone_motion")[:, 1], [[1, 0], [2, 0], [0, 0]])


def test_bone_against_a_loop_over_edges() -> None:
    clip = np.random.default_rng(0).normal(size=(5, 27, 3)).astype(np.float32)
    bone = streams.to_bone(clip)
    for parent, child in EDGES:
        np.testing.assert_allclose(bone[:, child], clip[:, child] - clip[:, parent])


def test_an_unknown_stream_is_an_error() -> None:
    with pytest.raises(UsageError, match="joint_motion"):
        streams.make_stream(np.zeros((2, 27, 3), np.float32), "joints")
