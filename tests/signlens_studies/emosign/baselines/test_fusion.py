from dataclasses import replace

import numpy as np
import pytest
from baseline_parts import save_encoders
from made_up import WORDS, write_made_up
from media import write_video

from signlens.emosign.annotations import load_emosign
from signlens.emosign.scoring import score
from signlens.emosign.tasks import EMOTION_CLASSES, REFUSED
from signlens.errors import InputRejected, UsageError
from signlens_studies.emosign.baselines import fusion
from signlens_studies.emosign.baselines.materials import Materials

pytestmark = pytest.mark.study

torch = pytest.importorskip("torch")

VOCABULARY = sorted({w.strip(".,!") for text in WORDS.values() for w in text.split()})
TINY = fusion.FusionSettings(hidden=8, epochs=10, batch=64, learning_rate=0.02, rate=4, most_frames=4)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.setattr("signlens.emosign.class_scores.CHANCE_DRAWS", 5)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emosign")
    return load_emosign(write_made_up(folder), captions=folder / "captions.csv")


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    pytest.importorskip("transformers")
    return save_encoders(tmp_path_factory.mktemp("networks"), VOCABULARY)


def vectors_that_tell(data):
    """Frames whose order in time tells whether the sentiment is positive; their mean tells nothing."""
    rng = np.random.default_rng(0)
    found = []
    for i, clip in enumerate(data.clips):
        rise = np.linspace(-1, 1, 4 + i % 3)[:, None] * (1 if clip.sentiment > 0 else -1)
        found.append(np.concatenate([rise, rng.normal(0, 0.3, (len(rise), 2))], axis=1).astype(np.float32))
    return found


def test_the_lstm_reads_order_in_time_and_not_the_answered_signer(data):
    video = vectors_that_tell(data)
    said = fusion.fuse(data, video, None, TINY)
    assert score(said, data, draws=10)["tasks"]["sentiment3"]["model"]["accuracy"]["value"] > 0.85
    assert {p.emotion for p in said} <= set(EMOTION_CLASSES)
    turned = replace(
        data, clips=tuple(replace(c, sentiment=-c.sentiment) if c.signer == "cory" else c for c in data.clips)
    )
    again = fusion.fuse(turned, video, None, TINY)
    own = [i for i, c in enumerate(data.clips) if c.signer == "cory"]
    assert [said[i] for i in own] == [again[i] for i in own]
    assert said != again


def test_captions_alone_both_and_missing_ones(data):
    told = [np.array([c.sentiment, 1.0], np.float32) for c in data.clips]
    alone = fusion.fuse(data, None, told, TINY)
    assert score(alone, data, draws=10)["tasks"]["sentiment3"]["model"]["accuracy"]["value"] > 0.85
    video = [np.zeros((2, 3), np.float32)] * 200
    both = fusion.fuse(data, [None, *video[1:]], [*told[:-1], None], replace(TINY, epochs=1))
    assert [p.video_name for p in both] == [c.video_name for c in data.clips]
    assert [i for i, p in enumerate(both) if p.emotion == REFUSED] == [0, 199]
    with pytest.raises(UsageError, match="smell"):
        fusion.FusionSettings(inputs="smell")
    alone = replace(data, clips=tuple(replace(c, signer="one") for c in data.clips))
    with pytest.raises(InputRejected, match="one signer"):
        fusion.fuse(alone, None, told, TINY)


def test_training_is_repeatable_and_leaves_the_random_state_alone(data):
    told = [np.array([c.sentiment, 1.0], np.float32) for c in data.clips]
    short = replace(TINY, epochs=1)
    state = torch.random.get_rng_state()
    first = fusion.fuse(data, None, told, short)
    assert torch.equal(state, torch.random.get_rng_state())
    torch.manual_seed(99)
    assert fusion.fuse(data, None, told, short) == first


def test_worked_example_of_logits():
    logits = np.full(37, -9.0)
    logits[[0, 4, 5]] = [1.0, 0.9, 0.9]  # -3 is the likeliest class, 1 and 2 together likelier
    logits[7 + 3] = 2  # worry
    logits[17 + 4] = 0.1  # worry is there
    logits[27 + 4] = 0.0  # at half of the scale
    found = fusion.prediction_of_logits("clip", logits)
    assert (found.sentiment, found.sentiment3, found.emotion) == ("-3", "positive", "worry")
    assert [e for e, there in found.present.items() if there] == ["worry"]
    assert found.intensities["worry"] == 2  # 1.5, halves to even
    assert found.intensities["joy"] == 0


def test_encoders_give_what_transformers_gives(networks):
    import transformers

    frames, text = fusion.FrameEncoder(str(networks[0])), fusion.TextEncoder(str(networks[1]))
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    processor = transformers.ViTImageProcessorPil(size={"height": 16, "width": 16}, do_resize=False)
    pixels = processor(list(images), return_tensors="pt")["pixel_values"]
    vit = transformers.ViTModel.from_pretrained(networks[0]).eval()
    expected = vit(pixel_values=pixels).last_hidden_state[:, 0].detach().numpy()
    np.testing.assert_allclose(frames.vectors(list(images)), expected, atol=1e-4)
    caption = WORDS["worry"]
    tokens = transformers.AutoTokenizer.from_pretrained(networks[1])(caption, return_tensors="pt")
    clip = transformers.CLIPTextModel.from_pretrained(networks[1]).eval()
    hidden = clip(input_ids=tokens["input_ids"]).last_hidden_state[0, -1].detach().numpy()
    np.testing.assert_allclose(text.vector(caption), hidden, atol=1e-5)
    assert text.vector("again " * 300).shape == (8,)


def test_whole_run_from_files_keeps_vectors_and_no_pictures(data, networks, tmp_path, monkeypatch):
    videos = tmp_path / "videos"
    videos.mkdir()
    chosen, seen = [], set()
    for clip in data.clips:
        if clip.signer not in seen:
            seen.add(clip.signer)
            path = write_video(videos / f"{clip.utterance}.mp4", frames=10 + len(seen), rate=10)
            chosen.append(replace(clip, video=path))
    few = replace(data, clips=tuple(chosen))
    monkeypatch.setattr(fusion, "single_emotion", lambda clips, rule: fusion.labels7(clips))
    materials = Materials(few, cache=tmp_path / "cache")
    vision, text = map(str, networks)
    said, facts = fusion.run_fusion(materials, replace(TINY, epochs=1), vision=vision, text=text)
    assert len(said) == 4
    assert {len(n["sha256"]) for n in facts["networks"].values()} == {64}
    kept = sorted(p for p in (tmp_path / "cache").rglob("*") if p.is_file())
    assert len(kept) == 8
    assert {p.suffix for p in kept} == {".npz"}

    def never(*_):
        raise AssertionError("a network was run although its answers are kept")

    monkeypatch.setattr(fusion.FrameEncoder, "vectors", never)
    monkeypatch.setattr(fusion.TextEncoder, "vector", never)
    assert fusion.run_fusion(materials, replace(TINY, epochs=1), vision=vision, text=text)[0] == said
    with pytest.raises(AssertionError):  # other frames are other vectors
        fusion.run_fusion(materials, replace(TINY, epochs=1, rate=2), vision=vision, text=text)
