"""MediaPipe Holistic sees the rendered signer as a person, near the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

pytest.importorskip("numba", reason="the rendered signer needs the extra signer (numba)")
pytest.importorskip("mediapipe", reason="this test needs MediaPipe")

from signlens.signer.face import FaceParameters
from signlens_studies.orientation.extractor import Seen, detection, face_seen, holistic

pytestmark = pytest.mark.study

Look = Callable[[np.ndarray], Seen]


@pytest.fixture(scope="module")
def look() -> Iterator[Look]:
    with holistic() as model:
        yield model


def test_body_face_and_hands_are_found_near_the_truth(look: Look) -> None:
    seen = detection(look, ["thank-you", "book", "hello"], ["maya", "kofi", "ren"], 0.0, frames=2)
    assert seen.frames == 6
    assert seen.body == seen.face == 1.0
    assert min(seen.left_hand, seen.right_hand) >= 0.8
    assert seen.error_median < 6.0  # per cent of the shoulder width


def test_a_signer_turned_by_sixty_degrees_is_found_too(look: Look) -> None:
    # Signs whose hands do not come between the face and the camera.
    seen = detection(
        look, ["what", "book", "please"], ["elena", "ren", "kofi"], 60.0, frames=1, width=640, height=480
    )
    assert seen.body == 1.0
    assert seen.face >= 0.8
    assert min(seen.left_hand, seen.right_hand) >= 0.6
    assert seen.error_median < 6.0


def test_the_face_mesh_follows_smile_brows_and_mouth(look: Look) -> None:
    faces = {
        name: face_seen(look, FaceParameters(**values), "elena", width=320, height=240)
        for name, values in {
            "neutral": {},
            "smile": {"smile": 1.0},
            "brows": {"brow_raise": 1.0},
            "open": {"mouth_open": 1.0},
        }.items()
    }
    neutral = faces["neutral"]
    assert neutral is not None
    assert faces["smile"].corner_lift > neutral.corner_lift + 0.01  # type: ignore[union-attr]
    assert faces["brows"].brow_height > neutral.brow_height + 0.01  # type: ignore[union-attr]
    assert faces["open"].mouth_open > neutral.mouth_open + 0.06  # type: ignore[union-attr]
