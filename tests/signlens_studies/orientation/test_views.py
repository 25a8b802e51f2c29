"""The benchmark of orientation: the virtual camera, and tables that can be worked out by hand."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from study_commands import study
from turned_figure import as_seen, pose_clip, standing

from signlens.errors import InputRejected
from signlens.orientation.correction import CorrectionSettings, correct
from signlens.orientation.depth import with_depth
from signlens.orientation.frame import SignerFrame
from signlens.orientation.landmark_depth import landmark_depth
from signlens.pose import LEFT_HAND, RIGHT_HAND
from signlens_studies.orientation.recordings import WORDS, Recording, load_recordings
from signlens_studies.orientation.rendered_views import Filmed, cue_errors, measure_scales, render_poses
from signlens_studies.orientation.views import Cell, methods, run_view, summarise
from signlens_studies.orientation.virtual_camera import VirtualCamera

pytestmark = pytest.mark.study

EXACT = VirtualCamera(
    slant=0, slant_frame=0, stretch=0, depth_noise=0, hand_noise=0, far_lost=0, near_lost=0, distance=1e6
)


def recording(seed: int = 0, frames: int = 8) -> Recording:
    return Recording(WORDS[seed % 12], "someone", pose_clip(as_seen(standing(frames, seed))))


@pytest.mark.parametrize("yaw", [-60.0, 15.0, 45.0])
@pytest.mark.parametrize("roll", [0.0, -20.0])
def test_an_exact_camera_turns_the_figure(yaw: float, roll: float) -> None:
    seen, true = EXACT.view(recording().poses, yaw, roll, np.random.default_rng(0))
    expected = pose_clip(as_seen(standing(), yaw, roll)).keypoints
    np.testing.assert_allclose(seen.keypoints[..., :2], expected[..., :2], atol=0.3)
    np.testing.assert_allclose(landmark_depth(seen).z, true.z, atol=5e-3)
    assert np.degrees(SignerFrame.of(with_depth(seen, true).keypoints).yaw) == pytest.approx(yaw, abs=0.2)


def test_perspective_enlarges_what_comes_near() -> None:
    near = dataclasses.replace(EXACT, distance=4.0)
    poses = recording().poses
    same, _ = near.view(poses, 0, 0, np.random.default_rng(0))
    # Freed of perspective and seen in it again from the same place.
    np.testing.assert_allclose(same.keypoints[..., :2], poses.keypoints[..., :2], atol=0.1)
    turned, true = near.view(poses, 50, 0, np.random.default_rng(0))
    parallel, _ = EXACT.view(poses, 50, 0, np.random.default_rng(0))
    frame = SignerFrame.of(turned.keypoints)
    height = turned.keypoints[:, [5, 6], 1] - frame.centre[:, 1:2]
    assert np.abs(height).max() < 0.5
    # The left shoulder went away from the camera, the right one came near.
    reach = np.abs(
        turned.keypoints[:, [5, 6], 0] - parallel.keypoints[:, [5, 6], 0].mean(axis=1, keepdims=True)
    )
    assert (reach[:, 1] > reach[:, 0] + 1).all()
    assert (true.z[:, 5] > 0).all()


def test_far_hands_are_lost_from_thirty_degrees_on() -> None:
    poses = recording(frames=400).poses
    camera = VirtualCamera(near_lost=0.0)

    def lost(yaw: float) -> tuple[float, float]:
        seen, _ = camera.view(poses, yaw, 0, np.random.default_rng(1))
        missing = seen.keypoints[..., 3] == 0
        assert np.isnan(seen.keypoints[missing][:, :3]).all()
        return float(missing[:, LEFT_HAND].all(axis=1).mean()), float(
            missing[:, RIGHT_HAND].all(axis=1).mean()
        )

    assert lost(30) == lost(-30) == (0, 0)
    left, right = lost(60)
    assert right == 0
    assert left == pytest.approx(0.3, abs=0.15)
    left, right = lost(-60)
    assert left == 0
    assert right > 0.1


def test_the_errors_have_the_sizes_that_are_stated() -> None:
    figure = standing(2)
    rng = np.random.default_rng(0)
    yaws = []
    for _ in range(300):
        seen, _ = VirtualCamera(depth_noise=0, slant_frame=0, stretch=0).view(
            pose_clip(as_seen(figure)), 0.0, 10.0, rng
        )
        yaws.append(
            float(np.degrees(SignerFrame.of(with_depth(seen, landmark_depth(seen)).keypoints).yaw[0]))
        )
    assert np.std(yaws) == pytest.approx(np.degrees(np.arctan(0.12)), rel=0.2)


def by_width(clips: list) -> np.ndarray:
    """A made-up recogniser: right when the shoulders look as wide as they are."""
    scores = np.zeros((len(clips), 12))
    for i, clip in enumerate(clips):
        width = float(np.nanmedian(SignerFrame.of(clip.keypoints).width))
        word = int(clip.provenance.source["name"])
        scores[i, word if width > 105 else (word + 1) % 12] = 1
    return scores


def named(number: int) -> Recording:
    made = recording(number)
    provenance = dataclasses.replace(made.poses.provenance, source={"name": str(number)})
    return dataclasses.replace(made, poses=dataclasses.replace(made.poses, provenance=provenance))


def test_the_table_shows_what_correction_wins_back() -> None:
    recordings = [named(i) for i in range(12)]
    some = {
        k: v for k, v in methods().items() if k in ("no correction", "2D", "3D, all cues", "3D, true depth")
    }
    views = [(y, 0.0) for y in (0.0, 30.0, -30.0, 45.0, -45.0)]
    cells = run_view(recordings, by_width, WORDS, some, views, camera=EXACT)
    made = {row.method: row for row in summarise(cells)}
    assert made["no correction"].at_zero.value == 100
    assert made["no correction"].kept[45].value == 0
    assert made["2D"].kept[45].value == 0
    for name in ("3D, all cues", "3D, true depth"):
        assert made[name].kept[30].value == made[name].kept[45].value == 100
        assert made[name].gain[45].value == 100
        assert made[name].cost_at_zero.value == 0
        assert made[name].at_zero_test.p_value == 1
        assert made[name].changed == {0: 0, 30: 100, 45: 100}
    error = made["3D, true depth"].yaw_error
    assert error is not None
    assert error.value < 0.5
    assert made["no correction"].yaw_error is None


def test_what_a_method_leaves_as_it_is_is_not_scored_again() -> None:
    recordings = [named(i) for i in range(4)]
    counts = []

    def scorer(clips: list) -> np.ndarray:
        counts.append(len(clips))
        return by_width(clips)

    compared = {name: methods()[name] for name in ("no correction", "3D, all cues")}
    once = run_view(recordings, scorer, WORDS, compared, [(0.0, 0.0), (40.0, 0.0)], camera=EXACT)
    assert counts == [4, 4, 4]  # as they are, turned, and corrected; nothing was changed at 0
    for cell in once:
        again = by_width([compared[cell.method](r.poses, landmark_depth(r.poses))[0] for r in recordings])
        if cell.yaw == 0:
            np.testing.assert_array_equal(cell.right, again.argmax(axis=1) == np.arange(4))


def test_the_recording_itself_stands_at_zero() -> None:
    recordings = [recording(i) for i in range(2)]
    given = []

    def scorer(clips: list) -> np.ndarray:
        given.append(clips)
        return np.zeros((len(clips), 12))

    run_view(recordings, scorer, WORDS, {"no correction": lambda c, t: (c, None)}, [(0.0, 0.0)])
    assert len(given) == 1
    assert [c is r.poses for c, r in zip(given[0], recordings, strict=True)] == [True, True]


def test_every_method_sees_the_same_views_and_the_seed_decides() -> None:
    recordings = [recording(i) for i in range(2)]
    given: list[list] = []

    def scorer(clips: list) -> np.ndarray:
        given.append([c.keypoints for c in clips])
        return np.zeros((len(clips), 12))

    def copied(clip, true):
        return dataclasses.replace(clip, keypoints=clip.keypoints.copy()), None

    same = dict.fromkeys(("one", "other"), copied)
    for seed in (0, 0, 1):
        run_view(recordings, scorer, WORDS, same, [(45.0, 10.0)], seed=seed)
    view, one, other, again, _, _, changed, _, _ = given
    for v, a, b, c, d in zip(view, one, other, again, changed, strict=True):
        np.testing.assert_array_equal(v, a)
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
        assert np.nanmax(np.abs(a - d)) > 0.1


def test_the_summary_by_hand() -> None:
    right = {
        ("no correction", 0.0): [1, 1, 1, 0],
        ("no correction", 30.0): [1, 0, 1, 0],
        ("no correction", -30.0): [1, 1, 0, 0],
        ("3D", 0.0): [1, 1, 0, 0],
        ("3D", 30.0): [1, 1, 1, 0],
        ("3D", -30.0): [1, 1, 1, 1],
    }
    off = {0.0: [np.nan] * 4, 30.0: [1, 2, 3, np.nan], -30.0: [4, 5, 6, 7]}
    cells = [
        Cell(m, y, 0.0, np.array(v, bool), np.array(off[y]), np.array([y != 0] * 3 + [False]))
        for (m, y), v in right.items()
    ]
    plain, corrected = summarise(cells)
    assert plain.at_zero.value == 75
    assert plain.kept[30].value == pytest.approx(100 * 0.5 / 0.75)
    assert plain.gain[30].value == 0
    assert corrected.cost_at_zero.value == 25
    test = corrected.at_zero_test
    assert (test.both_right, test.only_first, test.only_second, test.neither) == (2, 1, 0, 1)
    assert corrected.kept[30].value == pytest.approx(100 * (7 / 8) / 0.75)
    assert corrected.kept[30].low <= corrected.kept[30].value <= corrected.kept[30].high
    assert corrected.gain[30].value == pytest.approx(100 * (7 / 8 - 0.5))
    assert 45 not in corrected.kept
    assert corrected.changed == {0: 0, 30: 75}
    assert corrected.yaw_error is not None
    assert corrected.yaw_error.value == 4  # the median of 1 to 7
    assert 1 <= corrected.yaw_error.low <= 4 <= corrected.yaw_error.high <= 7


def test_methods_differ_from_the_best_in_what_their_names_say() -> None:
    clip = pose_clip(as_seen(standing(), 40))
    true = landmark_depth(clip)
    made = methods(CorrectionSettings(policy="smoothed"))
    assert "3D, all cues, smoothed" not in made
    assert "3D, all cues, clip" in made
    same, nothing = made["no correction"](clip, true)
    assert same is clip
    assert nothing is None
    levelled, correction = made["2D"](clip, true)
    assert correction is not None
    assert correction.applied_yaw == 0
    fixed, correction = made["3D, all cues, fixed-10"](clip, true)
    assert correction is not None
    assert correction.applied_yaw == pytest.approx(10)
    expected, _ = correct(clip, CorrectionSettings(policy="smoothed"))
    np.testing.assert_array_equal(made["3D, all cues"](clip, true)[0].keypoints, expected.keypoints)
    assert levelled.keypoints.shape == fixed.keypoints.shape


# -- recordings ------------------------------------------------------------------------------------


def traduttore(folder: Path) -> Path:
    """A set of four clips in the layout of Traduttore ASL."""
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(0.2, 0.8, (4, 20, 258)).astype(np.float32)
    landmarks[1, :, 132:195] = 0
    lines = ["row,gloss,sequence,kind,recorder,hand_coverage,all_zero,duplicate_of"]
    lines += [
        "0,coffee,0,word,recorder1,1,0,",
        "1,coffee,1,word,recorder1,1,0,",
        "2,tea,0,word,recorder2,1,0,",
        "3,coffee,2,word,recorder1,1,0,0",
    ]
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    np.savez(folder / "clips.npz", landmarks=landmarks)
    return folder


def test_recordings_have_ears_hands_and_no_face(tmp_path: Path) -> None:
    found = load_recordings(traduttore(tmp_path), "recorder1")
    assert [r.gloss for r in found] == ["coffee", "coffee"]  # the third is a duplicate
    first, second = (r.poses.keypoints for r in found)
    assert (first[:, 3:5, 3] > 0).all()
    assert (first[:, 23:91, 3] == 0).all()
    assert (first[:, LEFT_HAND, 3] == 1).all()
    assert (second[:, LEFT_HAND, 3] == 0).all()
    landmarks = np.load(tmp_path / "clips.npz")["landmarks"]
    np.testing.assert_allclose(first[:, 0, :3], landmarks[0, :, :3] * [640, 480, 640], rtol=1e-5)
    with pytest.raises(InputRejected, match="no such file"):
        load_recordings(tmp_path / "nowhere", "recorder1")


def test_the_commands_say_what_they_need(tmp_path: Path) -> None:
    assert study("orientation", "rendered") == 2
    assert study("orientation", "view", "--data", tmp_path) == 3
    assert study("orientation", "extractor", "--part", "feet") == 2


# -- rendered signers --------------------------------------------------------------------------------


def test_cues_of_clips_whose_turn_is_known() -> None:
    class Truth:
        def __init__(self, yaw: float) -> None:
            self.yaw_degrees = np.full(8, yaw)

    clips = [
        Filmed(pose_clip(as_seen(standing(), y)), Truth(y), 1 / (4 + as_seen(standing(), y)[..., 2]))
        for y in (-45.0, 0.0, 45.0)
    ]
    made = {row.cue: row for row in cue_errors(clips)}
    assert made["shoulders' z, to scale (`landmark`)"].median < 0.3
    assert made["shoulders' z, as it comes"].read[45.0] > 65
    assert made["all cues"].by_yaw[45.0] < 4
    # Nearness is no linear measure of depth: four shoulder widths away it still gives the turn well.
    assert made["true nearness, unrounded (a perfect `depth-anything`)"].median < 4
    assert not any("colormap" in name for name in made)  # there is no depth video
    json.dumps([dataclasses.asdict(row) for row in made.values()])


@pytest.mark.slow
def test_the_scale_of_z_is_what_rendered_signers_show(tmp_path: Path) -> None:
    from signlens.orientation.landmark_depth import SCALES

    pytest.importorskip("numba", reason="the rendered signer needs the extra signer (numba)")
    clips = render_poses(tmp_path, yaws=(-30.0, 30.0))
    found = {name: value for name, (value, _) in measure_scales(clips).items()}
    scales = SCALES["mediapipe-holistic"]
    assert found["shoulders"] == pytest.approx(scales.body, rel=0.15)
    assert found["nose"] == pytest.approx(scales.nose, rel=0.15)
    assert found["hand"] == pytest.approx(scales.hand, rel=0.2)
    errors = {row.cue: row for row in cue_errors(clips)}
    assert errors["all cues"].median < 8
    assert errors["all cues"].median < errors["shoulders' z, as it comes"].median / 3
    # Pictures of nearness give less of the turn than there is, but its side and some of it.
    assert errors["true nearness, unrounded (a perfect `depth-anything`)"].median < 15
    assert errors["true depth in an INFERNO video (`colormap`)"].median < 15
