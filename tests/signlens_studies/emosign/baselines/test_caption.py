import numpy as np
import pytest
from baseline_parts import save_classifier
from made_up import WORDS, write_made_up

from signlens.emosign.annotations import load_emosign
from signlens.emosign.scoring import score
from signlens.errors import InputRejected, PartMissing, UsageError
from signlens_studies.emosign.baselines import caption as captions
from signlens_studies.emosign.baselines.encoders import find
from signlens_studies.emosign.baselines.materials import Materials

VOCABULARY = sorted({w.strip(".,!") for text in WORDS.values() for w in text.split()})
LABELS = ["joy", "excitement", "surprise", "nervousness", "sadness", "fear", "annoyance", "anger", "neutral"]


@pytest.fixture(autouse=True)
def few_chance_rows(monkeypatch):
    monkeypatch.setattr("signlens.emosign.class_scores.CHANCE_DRAWS", 5)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emosign")
    return load_emosign(write_made_up(folder), captions=folder / "captions.csv")


@pytest.mark.parametrize(
    ("valence", "answer"), [(-1, "-3"), (-0.6, "-2"), (-0.2, "-1"), (0.1, "0"), (0.5, "2"), (1, "3")]
)
def test_valence_to_seven_classes(valence, answer):
    assert captions.seven_of(valence) == answer


def test_vader_reads_captions_and_does_no_emotions(data):
    pytest.importorskip("vaderSentiment")
    said = captions.vader(Materials(data))
    by_name = {p.video_name: p for p in said}
    for clip in data.clips:
        if clip.caption == WORDS["happiness"]:
            assert by_name[clip.video_name].sentiment3 == "positive"
        if clip.caption == WORDS["sadness"]:
            assert by_name[clip.video_name].sentiment3 == "negative"
        if clip.caption == WORDS["neutral"]:
            assert by_name[clip.video_name].sentiment == "0"
    found = score(said, data, draws=10)
    assert set(found["tasks"]) == {"sentiment7", "sentiment3"}
    assert "emotion" in found["not_scored"]


def test_worked_example_of_labels_to_classes():
    classes = captions.CLASS_OF_LABEL
    said = {"joy": 0.1, "excitement": 0.4, "surprise": 0.9, "nervousness": 0.2, "anger": 0.0}
    found = captions.prediction_of_text("clip", said, classes)
    assert found.emotion == "surprise_pos"  # happiness .4 outweighs worry .2
    assert found.sentiment == "1"  # 3 * (.4 - .2) = .6
    assert found.intensities["joy"] == 1  # 3 * .4 = 1.2
    assert found.intensities["surprise_pos"] == 3
    assert found.intensities["surprise_neg"] == 0
    assert found.intensities["worry"] == 1
    found = captions.prediction_of_text("clip", said | {"anger": 0.8}, classes)
    assert found.emotion == "surprise_neg"
    assert found.sentiment == "-1"


@pytest.mark.parametrize("multi_label", [True, False])
def test_classifier_gives_what_the_network_gives_in_one_padded_batch(tmp_path, multi_label):
    transformers = pytest.importorskip("transformers")
    folder = save_classifier(tmp_path, LABELS, VOCABULARY, multi_label=multi_label)
    texts = [WORDS["anger"], WORDS["happiness"], "Nothing known here."]
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    network = transformers.RobertaForSequenceClassification.from_pretrained(folder).eval()
    logits = network(**tokens).logits.detach().numpy()
    expected = 1 / (1 + np.exp(-logits)) if multi_label else np.exp(logits)
    expected /= 1 if multi_label else expected.sum(axis=1, keepdims=True)
    assert captions.TextClassifier(str(folder)).probabilities(texts) == pytest.approx(expected, abs=1e-5)


def test_classifier_on_the_made_up_copy(tmp_path, data):
    pytest.importorskip("transformers")
    folder = save_classifier(tmp_path, LABELS, VOCABULARY)
    said, facts = captions.classify_captions(Materials(data), captions.TextClassifier(str(folder)))
    assert len(facts["sha256"]) == 64
    assert set(score(said, data, draws=10)["tasks"]) >= {"sentiment7", "sentiment3", "emotion", "multi_label"}
    same = [p for p, c in zip(said, data.clips, strict=True) if c.caption == WORDS["worry"]]
    assert len({(p.sentiment, p.emotion) for p in same}) == 1


def test_long_captions_are_cut_not_refused(tmp_path):
    pytest.importorskip("transformers")
    classifier = captions.TextClassifier(str(save_classifier(tmp_path, LABELS, VOCABULARY)))
    assert np.isfinite(classifier.probabilities(["angry " * 500])).all()


def test_labels_that_are_not_known_are_named(tmp_path):
    pytest.importorskip("transformers")
    folder = save_classifier(tmp_path, ["joy", "LABEL_1"], VOCABULARY)
    with pytest.raises(UsageError, match="label_1"):
        captions.TextClassifier(str(folder))
    mapped = tmp_path / "map.csv"
    mapped.write_text("label,class\nLABEL_1,frustration\n")
    assert captions.TextClassifier(str(folder), mapped).classes == ("happiness", "frustration")
    mapped.write_text("label,class\nLABEL_1,envy\n")
    with pytest.raises(InputRejected, match=r"line 2.*envy"):
        captions.TextClassifier(str(folder), mapped)


def test_networks_are_pinned_and_never_fetched(tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="40 digits"):
        find("some/model@main")
    with pytest.raises(PartMissing, match=r"not on this machine.*hf download"):
        find("nobody/nothing@" + "0" * 40)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(PartMissing, match=r"model\.safetensors"):
        find(str(tmp_path))
