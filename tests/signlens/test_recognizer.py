"""The main job, from real poses of a rendered signer, with tiny networks of the real kinds."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax
from tiny_model import CLASSES, GLOSSES, write_gallery, write_tiny_model

import signlens
from signlens import FusionSettings, InputRejected, PartMissing, Recognizer, UsageError, VideoLimits
from signlens.emotion import FaceFrames, FrameExpressions, LandmarkProvider, load_gloss_map
from signlens.emotion.expressions import EMOTIONS, EmotionMoment, EmotionReading
from signlens.emotion.provider import ASSUMED_NEUTRAL
from signlens.fusion.clip_fusion import Evidence
from signlens.fusion.stack import ModelStack, Stack, Vote
from signlens.models.sign_model import SignModel
from signlens.orientation.frame import SignerFrame
from signlens.pose import FACE, LEFT_HAND, RIGHT_HAND, PoseClip, read_pose, write_pose
from signlens.pose import face_points as landmarks
from signlens.reasons import Reason
from signlens.recognition import Recognition
from signlens.retrieval import GALLERY_FILE, Gallery, GalleryClip, unit_vectors
from signlens.signing.rest import at_rest


def without(clip: PoseClip, *parts: slice, mesh: bool = True) -> PoseClip:
    """The clip with some of its parts never seen."""
    keypoints = clip.keypoints.copy()
    for part in parts:
        keypoints[:, part, :3] = np.nan
        keypoints[:, part, 3] = 0
    face = clip.face_mesh if mesh or clip.face_mesh is None else np.full_like(clip.face_mesh, np.nan)
    return dataclasses.replace(clip, keypoints=keypoints, face_mesh=face)


def but_for_time(result: Recognition) -> dict:
    document = result.to_json()
    assert set(document.pop("timing_ms")) == {"decode", "pose", "emotion", "recognize", "retrieve", "total"}
    return document


def test_a_clip_is_answered_in_full(tiny_model: Path, pose_file: Path, signer_poses: PoseClip) -> None:
    result = signlens.recognize(pose_file, model=tiny_model)
    assert result.path == str(pose_file)
    assert result.clip is not None
    assert (result.clip.frames, result.clip.width, result.clip.height) == (24, 320, 240)
    assert result.clip.duration_s == pytest.approx(2.0, abs=0.01)
    assert result.pose is not None
    assert result.pose.coverage == signer_poses.coverage()
    assert result.emotion is not None
    assert len(result.predictions) == 5
    assert len(result.similar) == 5
    assert result.answer is not None
    assert {"name", "version", "sha256", "gallery", "expression"} <= set(result.model)
    assert all(value >= 0 for value in result.timing_ms.values())
    assert result.timing_ms["total"] >= result.timing_ms["recognize"]


def test_the_same_clip_gives_the_same_document(tiny_model: Path, pose_file: Path) -> None:
    first = but_for_time(signlens.recognize(pose_file, model=tiny_model))
    with Recognizer(tiny_model) as recognizer:
        for _ in range(2):
            assert but_for_time(recognizer.recognize(pose_file)) == first
    assert json.loads(json.dumps(first, allow_nan=False)) == first


def test_a_video_and_its_poses_give_the_same_answer(tiny_model: Path, pose_file: Path, signer_clip) -> None:
    with Recognizer(tiny_model) as recognizer:
        video, file = (but_for_time(recognizer.recognize(p)) for p in (signer_clip().path, pose_file))
    apart = {"clip": None, "emotion": None}
    assert {**video, **apart} == {**file, **apart}
    assert {**video["clip"], "path": ""} == {**file["clip"], "path": ""}
    # A `.pose` file has no pictures, so its face is read by its points alone, and the answer says which.
    assert (video["emotion"]["pictured"], file["emotion"]["pictured"]) == (1, 0)
    moments = [[m["t_s"] for m in document["emotion"]["timeline"]] for document in (video, file)]
    assert moments[0] == moments[1]
    # How much a face is at rest is left to its points (four decimals are given).
    for seen, unseen in zip(video["emotion"]["timeline"], file["emotion"]["timeline"], strict=True):
        assert seen["neutral"] == pytest.approx(unseen["neutral"], abs=2e-3)


def test_probabilities_are_those_of_the_networks(tiny_model: Path, signer_poses: PoseClip) -> None:
    result = Recognizer(tiny_model, top_k=99).recognize_poses(signer_poses)
    logits = SignModel(tiny_model).score(signer_poses).logits
    expected = log_softmax((logits["joint"].astype(float) + 2 * logits["hand_shape"].astype(float)) / 3)
    listed = {p.gloss: p.probability for p in result.predictions}
    assert set(listed) == {*GLOSSES, "idle"}
    for gloss, probability in listed.items():
        assert np.log(probability) == pytest.approx(expected[CLASSES.index(gloss)], abs=1e-6)
    # What the auxiliary classes hold is not spread over the vocabulary.
    assert sum(listed.values()) == pytest.approx(1 - np.exp(expected[CLASSES.index("letter:a")]))
    values = [p.probability for p in result.predictions]
    assert values == sorted(values, reverse=True)
    for p in result.predictions:
        assert p.evidence.skeleton == pytest.approx(np.log(p.probability))
        assert (p.evidence.emotion, p.evidence.retrieval) == (0, 0)


@pytest.mark.parametrize(
    ("sure_of", "kind", "gloss", "words"),
    [
        ("hello", "sign", "hello", "ASL sign glossed HELLO (probability 1.00)"),
        ("idle", "no_sign", None, "No signing was found: the hands look idle"),
        ("letter:a", "unknown_sign", None, "No sign of this model's vocabulary of 5 glosses fits well"),
        (None, "unknown_sign", None, "No sign of this model's vocabulary of 5 glosses fits well"),
    ],
)
def test_what_is_answered(
    sure_of: str | None, kind: str, gloss: str | None, words: str, signer_poses: PoseClip, tmp_path: Path
) -> None:
    threshold = 0.3 if sure_of else 1.0
    folder = write_tiny_model(tmp_path, {sure_of: 50.0} if sure_of else None, unknown_below=threshold)
    answer = Recognizer(folder).recognize_poses(signer_poses).answer
    assert answer is not None
    assert (answer.kind, answer.gloss) == (kind, gloss)
    assert words in answer.explanation


def test_without_hands_there_is_no_sign(tiny_model: Path, signer_poses: PoseClip) -> None:
    result = Recognizer(tiny_model).recognize_poses(without(signer_poses, LEFT_HAND, RIGHT_HAND))
    assert result.answer is not None
    assert result.answer.kind == "no_sign"
    assert "no hand is seen" in result.answer.explanation
    assert result.status == "degraded"
    assert [r.code for r in result.reasons] == ["hands_not_seen"]


def test_without_a_face_no_expression_is_made_up(tiny_model: Path, signer_poses: PoseClip) -> None:
    recognizer = Recognizer(tiny_model, fusion=FusionSettings(emotion_strength=2.0))
    for clip in (
        without(signer_poses, FACE, mesh=False),
        dataclasses.replace(signer_poses, face_mesh=None),
    ):
        result = recognizer.recognize_poses(clip)
        assert result.emotion is None
        assert result.status == "degraded"
        assert sum("expression" in r.text for r in result.reasons) == 1
        assert all(p.evidence.emotion == 0 for p in result.predictions)


def test_a_clip_without_nose_and_shoulders_is_rejected_by_name(
    tiny_model: Path, signer_poses: PoseClip
) -> None:
    headless = without(signer_poses, slice(0, 17))
    with pytest.raises(InputRejected, match=r"^some\.mp4: no frame shows the signer's nose"):
        Recognizer(tiny_model).recognize_poses(headless, "some.mp4")


def test_reasons_of_the_poses_are_given_once(tiny_model: Path, signer_poses: PoseClip) -> None:
    reasons = (Reason("end_missing", "The end of the file is missing."),) * 2
    result = Recognizer(tiny_model).recognize_poses(dataclasses.replace(signer_poses, reasons=reasons))
    assert result.status == "degraded"
    assert result.reasons == reasons[:1]


def test_poses_of_another_extractor_are_told(tiny_model: Path, signer_poses: PoseClip) -> None:
    other = dataclasses.replace(signer_poses.provenance, extractor="rtmlib")
    result = Recognizer(tiny_model).recognize_poses(dataclasses.replace(signer_poses, provenance=other))
    assert result.status == "degraded"
    assert "rtmlib" in " ".join(reason.text for reason in result.reasons)


# -- evidence ---------------------------------------------------------------------------------------


def test_the_expression_counts_only_when_asked_and_where_the_map_says(
    tiny_model: Path, signer_poses: PoseClip
) -> None:
    strength = 3.0
    plain = Recognizer(tiny_model, top_k=99).recognize_poses(signer_poses)
    boosted = Recognizer(
        tiny_model,
        top_k=99,
        fusion=FusionSettings(emotion_strength=strength, explain_markers=False),
    ).recognize_poses(signer_poses)
    emotion_of = {g.lower(): e for g, e in load_gloss_map().emotion_of().items()}
    assert plain.emotion is not None
    known = {g for g in GLOSSES if g in emotion_of}
    assert known, "the tiny vocabulary must have a gloss of the shipped map"
    before = {p.gloss: p for p in plain.predictions}
    for p in boosted.predictions:
        raised = (
            np.log1p(strength * plain.emotion.probabilities[emotion_of[p.gloss]]) if p.gloss in known else 0
        )
        assert p.evidence.emotion == pytest.approx(raised)
        assert p.evidence.skeleton == before[p.gloss].evidence.skeleton
    scale = [
        p.probability / (before[p.gloss].probability * np.exp(p.evidence.emotion))
        for p in boosted.predictions
    ]
    assert np.allclose(scale, scale[0])
    assert boosted.emotion == plain.emotion


def test_an_expression_that_a_marker_explains_counts_less(
    tiny_model: Path, signer_poses: PoseClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A face that is half surprised throughout; the brows really go up in the middle third.
    half = {name: 0.5 if name in ("neutral", "surprise") else 0.0 for name in EMOTIONS}
    moments = tuple(EmotionMoment(float(t), half) for t in signer_poses.times[::2])
    reading = EmotionReading("made", half, 1.0, moments)
    monkeypatch.setattr("signlens.recognizer.summarise_readings", lambda *_, **__: reading)
    raised = dataclasses.replace(signer_poses, face_mesh=signer_poses.face_mesh.copy())
    brows = [i for side in (*landmarks._INNER_BROW, *landmarks._OUTER_BROW) for i in side]
    middle = slice(raised.frames // 3, 2 * raised.frames // 3)
    eyes = raised.face_mesh[:, [33, 263], :2]
    unit = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1)
    raised.face_mesh[middle, brows, 1] -= 0.06 * unit[middle, None]  # type: ignore[index]
    results = [
        Recognizer(
            tiny_model, top_k=99, fusion=FusionSettings(emotion_strength=3.0, explain_markers=heed)
        ).recognize_poses(raised)
        for heed in (True, False)
    ]
    heeded, plain = results
    assert heeded.markers == plain.markers
    assert heeded.emotion == plain.emotion  # what the face shows stays as it was measured
    assert "brow_raise" in {m.name for m in heeded.markers or ()}
    assert heeded.explaining is not None
    assert plain.explaining is not None
    assert plain.explaining.probabilities["surprise"] == 0.5
    # About a third of the clip, of which the marker explains at most four fifths.
    assert 0.5 * (1 - 0.8 * 0.5) < heeded.explaining.probabilities["surprise"] < 0.5 * (1 - 0.8 * 0.2)
    document = heeded.to_json()
    assert document["emotion_boost"]["explained_away"][0]["markers"] == ["brow_raise"]
    assert "yes/no questions" in document["markers"][0]["function"]
    assert document["intensity"]["repetitions"] >= 1
    assert Recognizer(tiny_model).recognize_poses(raised).explaining is None


def test_similar_signs_count_only_when_asked(tiny_model: Path, pose_file: Path) -> None:
    settings = FusionSettings(retrieval_strength=2.0, vote=Vote(neighbours=4, temperature=0.1))
    with Recognizer(tiny_model, top_k=99, fusion=settings) as recognizer:
        result = recognizer.recognize(pose_file)
        voters, _ = recognizer.search(pose_file, 4)  # every clip votes, also several of one gloss
    weight = np.exp([s.similarity / 0.1 for s in voters])
    for p in result.predictions:
        votes = sum(w for w, s in zip(weight, voters, strict=True) if s.gloss == p.gloss)
        assert p.evidence.retrieval == pytest.approx(np.log1p(2.0 * votes / weight.sum()), abs=1e-6)
    assert max(p.evidence.retrieval for p in result.predictions) > 0


def test_a_clip_does_not_find_itself(
    tiny_model: Path, signer_poses: PoseClip, pose_file: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    gallery = Gallery.load(folder / GALLERY_FILE)
    own = SignModel(folder).score(signer_poses).embeddings
    both = {
        name: np.stack([vector, vector / np.linalg.norm(vector) + np.float32(0.6) * gallery.vectors[name][0]])
        for name, vector in own.items()
    }
    itself = GalleryClip("itself", "hello")
    cut = GalleryClip(
        "the same source, cut otherwise", "hello", source=signer_poses.provenance.source["sha256"]
    )
    added = dataclasses.replace(
        gallery, vectors={n: unit_vectors(v) for n, v in both.items()}, clips=(itself, cut)
    )
    gallery.joined(added).save(folder / GALLERY_FILE)
    names = {clip.name for clip in gallery.clips}
    with Recognizer(folder, similar=99) as recognizer:
        for space in ("joint", "hand_shape", "fused"):
            found, _ = recognizer.search(pose_file, 99, space=space)
            assert {s.clip for s in found} == names
        shown = recognizer.recognize(pose_file).similar
        with pytest.raises(UsageError, match="no 'bone'"):
            recognizer.search(pose_file, 99, space="bone")
    assert {s.clip for s in shown} <= names


def test_similar_signs_are_the_best_clip_of_each_gloss_that_search_finds(
    tiny_model: Path, pose_file: Path
) -> None:
    with Recognizer(tiny_model, similar=4) as recognizer:
        found, poses = recognizer.search(pose_file, 99)
        shown = recognizer.recognize(pose_file).similar
    assert len(found) == 3 * len(GLOSSES)
    best = {s.gloss: s for s in reversed(found)}
    expected = sorted(best.values(), key=lambda s: -s.similarity)[:4]
    assert [(s.clip, s.gloss) for s in shown] == [(s.clip, s.gloss) for s in expected]
    assert [s.similarity for s in shown] == pytest.approx([s.similarity for s in expected], abs=1e-6)
    assert poses.frames == 24


# -- parts that are missing -------------------------------------------------------------------------


def test_a_model_without_a_gallery_still_answers_and_says_so(signer_poses: PoseClip, tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path, gallery=False)
    result = Recognizer(folder).recognize_poses(signer_poses)
    assert result.status == "degraded"
    assert result.similar == ()
    assert "no gallery" in " ".join(reason.text for reason in result.reasons)
    with pytest.raises(PartMissing, match="no gallery"):
        Recognizer(folder, fusion=FusionSettings(retrieval_strength=1.0))


def test_another_models_gallery_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path, {"hello": 1.0})
    shutil.copy(tiny_model / GALLERY_FILE, folder / GALLERY_FILE)
    with pytest.raises(PartMissing, match="another model"):
        Recognizer(folder)
    write_gallery(folder)
    assert Recognizer(folder).gallery is not None


def test_a_changed_network_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    network = bytearray((folder / "joint.onnx").read_bytes())
    network[len(network) // 2] ^= 1
    (folder / "joint.onnx").write_bytes(network)
    with pytest.raises(PartMissing, match=r"joint\.onnx"):
        Recognizer(folder)


def test_a_missing_model_is_a_missing_part(tmp_path: Path) -> None:
    with pytest.raises(PartMissing, match="no sign model"):
        Recognizer(tmp_path)


# -- rejection and arguments ------------------------------------------------------------------------


def test_a_rejected_clip_is_raised_or_returned(tiny_model: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.mp4"
    with Recognizer(tiny_model) as recognizer:
        with pytest.raises(InputRejected) as caught:
            recognizer.recognize(missing)
        result = recognizer.recognize(missing, reject="return")
    assert result.status == "rejected"
    assert result.reasons == (Reason("input_rejected", str(caught.value)),)
    assert result.to_json()["answer"] is None
    assert result.to_json()["predictions"] == []
    assert result.to_json()["clip"]["path"] == str(missing)


def test_limits_that_are_given_hold_for_pose_files_too(tiny_model: Path, pose_file: Path) -> None:
    for limits in (VideoLimits(max_frames=23), VideoLimits(max_seconds=1.5)):
        with pytest.raises(InputRejected, match="over the limit"):
            signlens.recognize(pose_file, model=tiny_model, limits=limits)
    assert signlens.recognize(pose_file, model=tiny_model, limits=VideoLimits(max_frames=24)).clip is not None


@pytest.mark.parametrize("wrong", [{"top_k": 0}, {"similar": -1}])
def test_arguments_out_of_range_are_wrong_usage(tiny_model: Path, wrong: dict) -> None:
    with pytest.raises(UsageError):
        Recognizer(tiny_model, **wrong)


def test_progress_is_told_frame_by_frame_for_videos(tiny_model: Path, signer_clip) -> None:
    told: list[int] = []
    signlens.recognize(signer_clip().path, model=tiny_model, progress=told.append)
    assert told == list(range(1, 25))


def test_the_public_names_are_there() -> None:
    for name in signlens.__all__:
        assert getattr(signlens, name) is not None
    assert set(dir(signlens)) == set(signlens.__all__)
    with pytest.raises(AttributeError):
        _ = signlens.no_such_name


def test_an_answer_does_not_depend_on_earlier_clips(
    tiny_model: Path, signer_poses: PoseClip, tmp_path: Path
) -> None:
    other = without(signer_poses, RIGHT_HAND)
    write_pose(other, tmp_path / "other.pose")
    with Recognizer(tiny_model) as recognizer:
        first = but_for_time(recognizer.recognize_poses(signer_poses, "x"))
        recognizer.recognize(tmp_path / "other.pose")
        recognizer.recognize(tmp_path / "missing.pose", reject="return")
        assert but_for_time(recognizer.recognize_poses(signer_poses, "x")) == first


def turned(clip: PoseClip, degrees: float) -> PoseClip:
    """The clip as a camera would see it whose picture is turned about its middle."""
    angle = np.radians(degrees)
    keypoints = clip.keypoints.copy()
    x, y = keypoints[..., 0] - clip.width / 2, keypoints[..., 1] - clip.height / 2
    keypoints[..., 0] = clip.width / 2 + np.cos(angle) * x - np.sin(angle) * y
    keypoints[..., 1] = clip.height / 2 + np.sin(angle) * x + np.cos(angle) * y
    return dataclasses.replace(clip, keypoints=keypoints)


def test_a_tilted_clip_is_levelled_first_and_the_answer_says_so(
    tiny_model: Path, signer_poses: PoseClip
) -> None:
    with Recognizer(tiny_model) as recognizer, Recognizer(tiny_model, correct_orientation=False) as as_filmed:
        upright = recognizer.recognize_poses(signer_poses)
        tilted = recognizer.recognize_poses(turned(signer_poses, 30))
        left = as_filmed.recognize_poses(turned(signer_poses, 30))
    assert upright.orientation is not None
    assert tilted.orientation is not None
    assert tilted.orientation.levelled_by_degrees == pytest.approx(
        upright.orientation.roll_degrees + 30, abs=3
    )
    assert any("levelled" in said for said in tilted.orientation.sentences)
    assert tilted.status == upright.status, "a correction is no reason for doubt"
    assert tilted.to_json()["orientation"]["levelled_by_degrees"] == pytest.approx(
        tilted.orientation.levelled_by_degrees, abs=0.05
    )
    assert left.orientation is None
    straight, corrected, raw = (
        {p.gloss: p.evidence.skeleton for p in r.predictions} for r in (upright, tilted, left)
    )
    shared = sorted(set(straight) & set(corrected) & set(raw))
    assert sum(abs(corrected[g] - straight[g]) for g in shared) < sum(
        abs(raw[g] - straight[g]) for g in shared
    ), "levelled, it is scored more like the upright one"


class OneFace:
    """An emotion provider that says the same of every face: what is in `rows`, clip by clip."""

    name, version, needs_images, face_side, neutral = "one", "1", True, 32, ASSUMED_NEUTRAL

    def __init__(self) -> None:
        self.seen: list[FaceFrames] = []

    def read(self, faces: FaceFrames) -> FrameExpressions:
        self.seen.append(faces)
        pictured = np.array([picture is not None for picture in faces.pictures()])
        row = np.array([0.2, 0.1, 0.4, 0.1, 0.05, 0.05, 0.05, 0.05])
        return FrameExpressions(np.where(pictured[:, None], row, np.nan), pictured)


def test_another_provider_gets_pictures_of_the_signers_face(
    tiny_model: Path, pose_file: Path, signer_poses: PoseClip, signer_clip
) -> None:
    provider = OneFace()
    with Recognizer(tiny_model, emotion_provider=provider, emotion_samples=5) as recognizer:
        result = recognizer.recognize(signer_clip().path)
        assert result.emotion is not None
        assert (result.emotion.provider, result.emotion.probabilities["sad"]) == ("one", pytest.approx(0.4))
        assert len(result.emotion.timeline) == 5
        assert result.model["expression"] == "1"
        (faces,) = provider.seen
        assert faces.images is not None
        for image in faces.images:
            assert image is not None
            assert max(image.shape) <= 64  # a window of twice the face, not the frame
        # Poses alone have no picture: no expression is made up, and the reason is told.
        unread = recognizer.recognize(pose_file)
    assert unread.emotion is None
    assert any("one" in reason.text and "picture" in reason.text for reason in unread.reasons)
    assert signer_poses.face_mesh is not None


def test_a_signers_own_resting_face_is_taken_as_neutral(
    tiny_model: Path, signer_poses: PoseClip, tmp_path: Path, signer_clip
) -> None:
    keypoints = signer_poses.keypoints.copy()
    keypoints[[0, 1, -2, -1], LEFT_HAND.start :, 3] = 0  # no hand is seen near the ends
    keypoints[[0, 1, -2, -1], LEFT_HAND.start :, :3] = np.nan
    paths = [tmp_path / "a.pose", tmp_path / "b.pose"]
    for path in paths:
        write_pose(dataclasses.replace(signer_poses, keypoints=keypoints), path)
    with Recognizer(tiny_model, emotion_samples=None) as recognizer:
        plain = recognizer.recognize(paths[0])
        looks = [recognizer.look(path) for path in paths]
        baseline = recognizer.resting_face(looks)
        against = recognizer.answer(looks[0], baseline)
        assert but_for_time(recognizer.recognize(paths[0], baseline=baseline)) == but_for_time(against)
        assert recognizer.resting_face(looks[:1]) is None
        again = recognizer.recognize(paths[0])
    assert baseline is not None
    assert baseline.clips == 2
    assert plain.emotion is not None
    assert against.emotion is not None
    assert again.emotion is not None
    assert (plain.emotion.signer_baseline, against.emotion.signer_baseline) == (False, True)
    assert again.emotion == plain.emotion
    # What the signer always looks like has become what resting faces usually look like.
    rests = np.flatnonzero(at_rest(clip := read_pose(paths[0]), SignerFrame.of(clip.keypoints)))
    assert {0, 1} <= set(rests.tolist())
    rows = np.array([list(m.probabilities.values()) for m in against.emotion.timeline])[rests]
    neutral = LandmarkProvider().neutral
    found = np.log(rows).mean(axis=0)
    np.testing.assert_allclose(found - found.mean(), neutral - neutral.mean(), atol=1e-6)
    assert against.answer == plain.answer


# -- the stack --------------------------------------------------------------------------------------


def with_stack(tiny_model: Path, folder: Path, stack: Stack, *, used: bool = True, **changes: object) -> Path:
    """The tiny model with a stack, recorded in its card as an export records it."""
    folder = Path(shutil.copytree(tiny_model, folder))
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    carried = ModelStack(
        stack,
        used=used,
        why="Used: it is better." if used else "Not used: it is worse.",
        classes=tuple(card["classes"]),
        vote=Vote(neighbours=4, temperature=0.1),
        gloss_map_sha256=load_gloss_map().sha256,
        unknown_below=0.2,
    )
    card["sha256"]["stack.json"] = dataclasses.replace(carried, **changes).save(folder / "stack.json")
    (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


def test_with_a_stack_the_parts_sum_to_the_log_probability_up_to_the_normaliser(
    tiny_model: Path, signer_poses: PoseClip, tmp_path: Path
) -> None:
    plain = Recognizer(tiny_model, top_k=99).recognize_poses(signer_poses)
    bias = tuple(0.1 * i for i in range(len(CLASSES)))
    folder = with_stack(tiny_model, tmp_path / "m", Stack(1.5, 2.0, 0.5, 0.05, bias))
    result = Recognizer(folder, top_k=99).recognize_poses(signer_poses)
    before = {p.gloss: p.evidence.skeleton for p in plain.predictions}
    left = []
    for p in result.predictions:
        assert p.evidence.skeleton == pytest.approx(1.5 * before[p.gloss] + bias[CLASSES.index(p.gloss)])
        assert p.evidence.emotion >= 0
        assert p.evidence.retrieval >= 0
        total = p.evidence.skeleton + p.evidence.emotion + p.evidence.retrieval
        left.append(np.log(p.probability) - total)
    assert np.allclose(left, left[0])
    assert max(p.evidence.retrieval for p in result.predictions) > 0
    assert max(p.evidence.emotion for p in result.predictions) > 0
    assert result.fusion is not None
    assert (result.fusion.kind, result.fusion.why) == ("stack", "Used: it is better.")
    assert result.to_json()["fusion"]["coefficients"] == {"skeleton": 1.5, "emotion": 2.0, "retrieval": 0.5}


def test_the_neighbours_of_a_stack_vote_as_it_was_learned(
    tiny_model: Path, pose_file: Path, tmp_path: Path
) -> None:
    folder = with_stack(tiny_model, tmp_path / "m", Stack(1.0, 0.0, 2.0, 0.05))
    with Recognizer(folder, top_k=99) as recognizer:
        result = recognizer.recognize(pose_file)
        voters, _ = recognizer.search(pose_file, 4)
    weight = np.exp([s.similarity / 0.1 for s in voters])
    for p in result.predictions:
        votes = sum(w for w, s in zip(weight, voters, strict=True) if s.gloss == p.gloss) / weight.sum()
        assert p.evidence.retrieval == pytest.approx(2 * np.log1p(votes / 0.05), abs=1e-6)


def test_a_stack_has_a_threshold_of_its_own(tiny_model: Path, signer_poses: PoseClip, tmp_path: Path) -> None:
    kinds = []
    for number, below in enumerate((0.0, 1.0)):
        folder = with_stack(tiny_model, tmp_path / f"{number}", Stack(1.0, 0.0, 1.0), unknown_below=below)
        answer = Recognizer(folder).recognize_poses(signer_poses).answer
        assert answer is not None
        kinds.append(answer.kind)
    assert kinds[1] == "unknown_sign"
    assert kinds[0] != "unknown_sign"


def test_a_stack_that_was_turned_down_changes_nothing_and_says_why(
    tiny_model: Path, signer_poses: PoseClip, tmp_path: Path
) -> None:
    folder = with_stack(tiny_model, tmp_path / "m", Stack(9.0, 0.0, 9.0, 0.001), used=False)
    plain = Recognizer(tiny_model, top_k=99).recognize_poses(signer_poses)
    result = Recognizer(folder, top_k=99).recognize_poses(signer_poses)
    assert result.predictions == plain.predictions
    assert result.answer == plain.answer
    assert result.fusion is not None
    assert (result.fusion.kind, result.fusion.why) == ("skeleton", "Not used: it is worse.")


def evidence(folder: Path, clip: PoseClip, **asked: Any) -> tuple[dict[str, Evidence], Recognition]:
    result = Recognizer(folder, top_k=99, fusion=FusionSettings(**asked)).recognize_poses(clip)
    return {p.gloss: p.evidence for p in result.predictions}, result


def test_a_strength_changes_the_part_that_it_names_and_no_other(
    tiny_model: Path, signer_poses: PoseClip, tmp_path: Path
) -> None:
    bias = tuple(0.1 * i for i in range(len(CLASSES)))
    folder = with_stack(tiny_model, tmp_path / "m", Stack(1.5, 2.0, 0.5, 0.05, bias))
    chosen, by_stack = evidence(folder, signer_poses)
    votes, by_votes = evidence(folder, signer_poses, retrieval_strength=2.0)
    face, by_face = evidence(folder, signer_poses, emotion_strength=3.0)
    off, by_nothing = evidence(folder, signer_poses, emotion_strength=0.0, retrieval_strength=0.0)
    assert max(e.retrieval for e in chosen.values()) > 0
    assert max(e.emotion for e in chosen.values()) > 0
    for gloss, e in chosen.items():
        assert e.skeleton == votes[gloss].skeleton == face[gloss].skeleton == off[gloss].skeleton
        assert e.emotion == votes[gloss].emotion
        assert e.retrieval == face[gloss].retrieval
        # log(1 + v) and log(1 + s / 0.05) are the parts; the coefficients 2 and 0.5.
        assert face[gloss].emotion == pytest.approx(np.log1p(3.0 * np.expm1(e.emotion / 2.0)))
        assert votes[gloss].retrieval == pytest.approx(np.log1p(2.0 * 0.05 * np.expm1(e.retrieval / 0.5)))
        assert off[gloss].emotion == off[gloss].retrieval == 0
    kinds = [r.fusion.kind for r in (by_stack, by_votes, by_face, by_nothing) if r.fusion is not None]
    assert kinds == ["stack", "strengths", "strengths", "stack"]
    assert by_votes.fusion is not None
    assert by_votes.fusion.coefficients == {"skeleton": 1.5, "emotion": 2.0, "retrieval": 1.0}
    assert by_votes.fusion.why == "By the strengths that were asked for: similar signs 2."


def test_markers_that_are_passed_over_leave_the_stack_as_it_was_chosen(
    tiny_model: Path, signer_poses: PoseClip, tmp_path: Path
) -> None:
    folder = with_stack(tiny_model, tmp_path / "m", Stack(1.5, 2.0, 0.5, 0.05))
    chosen, _ = evidence(folder, signer_poses)
    despite, result = evidence(folder, signer_poses, explain_markers=False)
    assert result.fusion is not None
    assert (result.fusion.kind, result.fusion.why) == ("stack", "Used: it is better.")
    assert result.explaining is not None
    assert not result.explaining.markers_heeded
    for gloss, e in chosen.items():
        assert despite[gloss].skeleton == e.skeleton
        assert despite[gloss].retrieval == e.retrieval
        assert despite[gloss].emotion >= e.emotion
    assert max(e.emotion for e in despite.values()) > 0


def test_a_stack_that_does_not_fit_its_model_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    for number, changes in enumerate(({"classes": ("a", "b")}, {"gloss_map_sha256": "0" * 64})):
        folder = with_stack(tiny_model, tmp_path / f"{number}", Stack(1.0, 1.0, 1.0), **changes)
        with pytest.raises(PartMissing, match=r"stack\.json"):
            Recognizer(folder)
    folder = with_stack(tiny_model, tmp_path / "changed", Stack(1.0, 0.0, 1.0))
    (folder / "stack.json").write_text((folder / "stack.json").read_text().replace("0.2", "0.3"))
    with pytest.raises(PartMissing, match=r"stack\.json: differs"):
        Recognizer(folder)
    folder = with_stack(tiny_model, tmp_path / "alone", Stack(1.0, 0.0, 1.0))
    (folder / GALLERY_FILE).unlink()
    with pytest.raises(PartMissing, match="gallery"):
        Recognizer(folder)
