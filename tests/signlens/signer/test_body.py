"""Arms, head and yaw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signlens.signer.body import ArmPose, BodyPose, arm_joints, head_rotation, orientation, solve_elbow
from signlens.signer.identity import find_identity
from signlens.signer.scene import Camera, build_scene

coordinate = st.floats(-0.6, 0.6)
point = st.tuples(coordinate, coordinate, coordinate).map(np.array)
direction = st.tuples(*[st.floats(-1, 1)] * 3).map(np.array).filter(lambda v: np.linalg.norm(v) > 0.2)


@given(point, direction)
def test_the_arm_keeps_its_lengths_and_reaches_what_it_can(target: np.ndarray, pole: np.ndarray) -> None:
    shoulder, upper, fore = np.array([0.17, -0.08, -0.01]), 0.275, 0.25
    elbow, wrist = solve_elbow(shoulder, target, pole, upper, fore)
    assert np.linalg.norm(elbow - shoulder) == pytest.approx(upper, abs=1e-6)
    distance = np.linalg.norm(target - shoulder)
    if 0.1 < distance < 0.52:
        np.testing.assert_allclose(wrist, target, atol=1e-9)
    # The pole may lie along the arm; the forearm keeps its length when it does not.
    along = (wrist - shoulder) / np.linalg.norm(wrist - shoulder)
    if np.linalg.norm(np.cross(along, pole)) > 0.05:
        assert np.linalg.norm(wrist - elbow) == pytest.approx(fore, abs=1e-6)


@given(direction, direction)
def test_orientation_is_a_proper_rotation_that_keeps_the_fingers(
    fingers: np.ndarray, palm: np.ndarray
) -> None:
    if np.linalg.norm(np.cross(fingers, palm)) < 0.05:
        return
    m = orientation(fingers, palm)
    np.testing.assert_allclose(m.T @ m, np.eye(3), atol=1e-9)
    assert np.linalg.det(m) == pytest.approx(1.0)
    np.testing.assert_allclose(m[:, 1], fingers / np.linalg.norm(fingers), atol=1e-9)
    assert m[:, 2] @ palm > 0


def test_a_raised_palm_has_its_thumb_towards_the_head() -> None:
    # Fingers up, palm forward: the thumbs of both hands point to the body's middle.
    arm = ArmPose(
        wrist=np.array([0.3, 0.0, 0.2]), rotation=orientation(np.array([0.0, 1, 0]), np.array([0.0, 0, 1]))
    )
    who = find_identity("maya")
    pose = BodyPose(right=arm, left=arm)
    right, left = arm_joints(pose, 0, who), arm_joints(pose, 1, who)
    assert right.wrist[0] < 0 < left.wrist[0]
    assert right.frame[0, 0] == pytest.approx(1.0)
    assert left.frame[0, 0] == pytest.approx(-1.0)
    np.testing.assert_allclose(right.hand * [-1, 1, 1], left.hand, atol=1e-12)


def test_head_angles_turn_the_way_they_say() -> None:
    forward, up = np.array([0.0, 0, 1]), np.array([0.0, 1, 0])
    assert (head_rotation(20, 0, 0) @ forward)[0] > 0.3  # to the signer's left
    assert (head_rotation(0, 20, 0) @ forward)[1] < -0.3  # chin down
    assert (head_rotation(0, 0, 20) @ up)[0] > 0.3  # to the left shoulder


@given(st.floats(-80, 80))
def test_yaw_turns_every_group_of_the_scene_about_the_vertical(yaw: float) -> None:
    who = find_identity("ren")
    front, turned = (build_scene(BodyPose(yaw=y), who) for y in (0.0, yaw))
    a = np.radians(yaw)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    np.testing.assert_allclose(turned.frames[:, 9:12], front.frames[:, 9:12] @ turn.T, atol=1e-9)
    np.testing.assert_allclose(turned.head_rotation, turn @ front.head_rotation, atol=1e-9)
    # The signer's left shoulder goes away from the camera when they turn to their left.
    assert np.sign((turn @ np.array([0.17, 0, 0]))[2]) == -np.sign(yaw)


def test_camera_projects_like_a_pinhole() -> None:
    camera = Camera(640, 480, position=(0.0, 0.0, 2.0), focal=900.0)
    # By hand: 0.1 m to the side and 0.2 m up at 2 m give 45 and 90 pixels.
    np.testing.assert_allclose(camera.project(np.array([[0.1, 0.2, 0.0]])), [[365.0, 150.0]])
    assert replace(camera, focal=0.0).focal > 0
