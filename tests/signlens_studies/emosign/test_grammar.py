from dataclasses import replace

import numpy as np
import pytest
from made_up import write_csv, write_made_up

from signlens.emosign.annotations import EMOTIONS, load_emosign
from signlens.emosign.elan import Annotation, write_elan
from signlens.emosign.predictions import LabelPrediction
from signlens.errors import InputRejected, UsageError
from signlens_studies.emosign import grammar


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return load_emosign(write_made_up(tmp_path_factory.mktemp("emosign")))


def made_up_markers(data, seed=0):
    """Markers that have nothing to do with emotion."""
    there = np.random.default_rng(seed).random((len(data.clips), 2)) < [0.3, 0.4]
    return grammar.Markers(("question", "negation"), there, np.ones(len(data.clips), bool), "made up")


# ---- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "marker"),
    [
        ("wh-question", "question"),
        ("yes/no question", "question"),
        ("rhetorical question", "question"),
        ("RHQ", "question"),
        ("conditional/when", "conditional"),
        ("negative", "negation"),
        ("neg", "negation"),
        ("topic", None),
        ("role shift", None),
        ("SIGN", None),
        ("NMM_HEAD", None),
        ("who", None),
    ],
)
def test_names_of_markers(text, marker):
    assert grammar.marker_of(text) == marker


def test_markers_from_csv_by_name_or_number(data, tmp_path):
    for key in ("video_name", "utterance"):
        rows = [{key: getattr(c, key), "question": i % 2, "topic": 0} for i, c in enumerate(data.clips[:20])]
        found = grammar.read_markers(write_csv(tmp_path / "m.csv", rows), data)
        assert found.names == ("question", "topic")
        assert found.known.sum() == 20
        assert found.there[:20, 0].tolist() == [bool(i % 2) for i in range(20)]


def test_bad_rows_of_markers_are_named(data, tmp_path):
    name = data.clips[0].video_name
    path = tmp_path / "m.csv"
    path.write_text(f"video_name,question\n{name},1\nnobody,1\n{data.clips[1].video_name},yes\n{name},0\n")
    with pytest.raises(InputRejected) as caught:
        grammar.read_markers(path, data)
    for part in ("line 3", "nobody", "line 4", "'yes'", "line 5", "already"):
        assert part in str(caught.value)
    path.write_text("clip,question\na,1\n")
    with pytest.raises(InputRejected, match="video_name or utterance"):
        grammar.read_markers(path, data)


def test_markers_from_elan_files_of_our_template_and_of_asllrp(data, tmp_path):
    pytest.importorskip("pympi")
    a, b, c, d = data.clips[:4]
    write_elan(tmp_path / f"{a.video_name}.eaf", {"GRAMMAR": [Annotation(0, 9, "wh-question")], "SIGN": []})
    write_elan(
        tmp_path / f"{b.utterance}.eaf",
        {
            "negative": [Annotation(0, 9, "neg")],
            "wh question": [],
            "conditional/when": [Annotation(0, 9, "none")],
        },
    )
    write_elan(tmp_path / f"{c.video_name}.eaf", {"SIGN": [Annotation(0, 9, "WHO")]})
    write_elan(tmp_path / f"{d.video_name}.eaf", {"GRAMMAR": []})
    found = grammar.read_markers(tmp_path, data)
    assert found.names == grammar.MARKERS
    assert found.known[:5].tolist() == [True, True, False, True, False]
    assert found.there[:4].tolist() == [[False, True, False], [False, False, True], [False] * 3, [False] * 3]
    with pytest.raises(InputRejected, match="none of the clips"):
        grammar.read_markers(tmp_path, replace(data, clips=data.clips[100:]))


# ---- the parts -----------------------------------------------------------------------------------


def test_logistic_regression_agrees_with_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    y = (rng.random(80) < 1 / (1 + np.exp(-x @ [1, -2, 0]))).astype(float)
    theirs = linear.LogisticRegression(C=1 / 0.7, tol=1e-10, max_iter=1000).fit(x, y)
    ours = grammar.fit_logistic(np.c_[np.ones(80), x], y, ridge=0.7)
    np.testing.assert_allclose(ours, [theirs.intercept_[0], *theirs.coef_[0]], atol=1e-4)
    several = np.stack([np.c_[np.ones(80), x], np.c_[np.ones(80), x[::-1]]])
    np.testing.assert_allclose(grammar.fit_logistic(several, y, ridge=0.7)[0], ours, atol=1e-7)


def test_log_likelihood_and_effect_of_a_two_by_two_table_by_hand():
    # 20 clips with the marker, 15 of them answered; 20 without, 5 answered.
    marker = np.r_[np.ones(20), np.zeros(20)]
    y = np.r_[np.ones(15), np.zeros(5), np.ones(5), np.zeros(15)]
    design = np.c_[np.ones(40), marker]
    found = grammar.fit_logistic(design, y, ridge=1e-9)
    assert np.exp(found[1]) == pytest.approx(9, rel=1e-4)  # odds 3 against 1 / 3
    assert grammar.marginal_effects(design, found, [1])[0] == pytest.approx(0.5, abs=1e-5)
    expected = 2 * (15 * np.log(0.75) + 5 * np.log(0.25))
    assert grammar.log_likelihood(design, y, found) == pytest.approx(expected, abs=1e-6)


def test_perfect_separation_stays_finite():
    marker = np.r_[np.ones(10), np.zeros(10)]
    found = grammar.fit_logistic(np.c_[np.ones(20), marker], marker)
    assert np.isfinite(found).all()
    assert found[1] > 3


def test_shuffling_keeps_within_signers():
    signers = ["a"] * 5 + ["b"] * 3 + ["a"] * 2
    orders = grammar._shuffled_within(signers, 50, np.random.default_rng(0))
    for order in orders:
        assert sorted(order.tolist()) == list(range(10))
        assert [signers[i] for i in order] == signers
    assert len({tuple(o) for o in orders.tolist()}) > 40


def test_pairs_are_of_one_signer_alike_and_near():
    marked = np.array([True, True, False, False, False, True, False])
    signers = ["a", "a", "a", "a", "a", "b", "b"]
    alike = [0, 0, 0, 0, 1, 0, 1]
    near = [1.0, 3.0, 3.0, 0.5, 1.0, 0, 0]
    assert grammar.matched_pairs(marked, signers, alike, near) == [(0, 3), (1, 2)]


def test_pairs_use_each_clip_once_and_as_many_as_can_be():
    rng = np.random.default_rng(1)
    marked = rng.random(60) < 0.5
    signers, alike = rng.choice(["a", "b"], 60).tolist(), rng.integers(0, 2, 60).tolist()
    pairs = grammar.matched_pairs(marked, signers, alike, rng.normal(size=60).tolist())
    used = [i for pair in pairs for i in pair]
    assert len(used) == len(set(used))
    most = 0
    for stratum in {(s, a) for s, a in zip(signers, alike, strict=True)}:
        inside = [m for m, s, a in zip(marked, signers, alike, strict=True) if (s, a) == stratum]
        most += min(sum(inside), len(inside) - sum(inside))
    assert len(pairs) == most
    assert all(marked[i] and not marked[j] and signers[i] == signers[j] for i, j in pairs)


def test_holm_by_hand():
    assert grammar.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert grammar.holm([0.9, 0.5]) == [1.0, 1.0]


# ---- the analysis --------------------------------------------------------------------------------


def answers(data, says):
    return [
        LabelPrediction(c.video_name, present={e: bool(says(i, e)) for e in EMOTIONS})
        for i, c in enumerate(data.clips)
    ]


def test_a_model_that_takes_questions_for_surprise_is_found_out(data):
    markers = made_up_markers(data)
    rng = np.random.default_rng(5)

    def says(i, emotion):
        there = data.clips[i].emotions[emotion] > 0
        wrong = rng.random() < 0.1
        return (markers.there[i, 0] if emotion == "surprise_neg" else there) != wrong

    found = grammar.analyse(data, markers, answers(data, says), draws=40)
    assert found["of"] == "predictions"
    taken = found["emotions"]["surprise_neg"]
    assert taken["p_holm"] <= 10 / 41
    assert taken["p_permutation"] == pytest.approx(1 / 41)
    assert taken["p_chi2"] < 1e-6
    assert taken["r2"]["added"] > 0.3
    assert taken["markers"]["question"]["marginal_effect"] > 0.5
    assert abs(taken["markers"]["negation"]["marginal_effect"]) < 0.15
    pairs = taken["matched_pairs"]["question"]
    assert pairs["difference"] > 0.5
    assert pairs["p_value"] < 1e-6
    others = [e for name, e in found["emotions"].items() if name != "surprise_neg"]
    assert np.mean([e["r2"]["added"] for e in others]) < 0.05
    assert max(abs(e["markers"]["question"]["marginal_effect"]) for e in others) < 0.25
    assert found["emotions"]["joy"]["r2"]["without"] > 0.4  # it follows the annotators


def test_what_the_label_explains_is_not_blamed_on_the_marker(data):
    """A marker that comes with joy, and a model that answers joy rightly: no effect beyond the label."""
    rng = np.random.default_rng(2)
    joy = np.array([c.emotions["joy"] > 0 for c in data.clips])
    there = (joy != (rng.random(len(joy)) < 0.2))[:, None]
    markers = grammar.Markers(("question",), there, np.ones(len(joy), bool), "made up")
    of_labels = grammar.analyse(data, markers, draws=25)["emotions"]["joy"]
    assert of_labels["r2"]["added"] > 0.2
    wrong = rng.random(len(joy)) < 0.1
    said = answers(data, lambda i, e: (data.clips[i].emotions[e] > 0) != (wrong[i] and e == "joy"))
    of_model = grammar.analyse(data, markers, said, draws=25)["emotions"]["joy"]
    assert of_model["r2"]["added"] < 0.05
    assert of_model["p_permutation"] > 0.05


def test_permutation_p_values_are_even_when_nothing_is_there():
    rng = np.random.default_rng(3)
    signers = rng.choice(["a", "b", "c"], 60).tolist()
    found = []
    for _ in range(40):
        outcome, markers = rng.random(60) < 0.4, rng.random((60, 1)) < 0.4
        row = grammar.partial_effects(outcome, markers, ["q"], signers, np.zeros((60, 0)), draws=60)
        found.append(row["p_permutation"])
    assert 0.3 < np.mean(found) < 0.7
    assert np.mean(np.array(found) < 0.1) < 0.3


def test_refusals_and_gaps_are_counted_and_too_little_is_refused(data):
    markers = made_up_markers(data)
    said = answers(data, lambda i, e: data.clips[i].emotions[e] > 0)
    said[0] = LabelPrediction(data.clips[0].video_name, present={})
    known = markers.known.copy()
    known[1] = False
    found = grammar.analyse(data, replace(markers, known=known), said, draws=1)
    assert (found["refused"], found["clips"]) == (1, 198)
    assert found["markers"]["clips_without_markers_annotated"] == 1
    with pytest.raises(InputRejected, match=data.clips[5].video_name):
        grammar.analyse(data, markers, said[:5], draws=1)
    with pytest.raises(InputRejected, match="no marker is in 5 clips"):
        grammar.analyse(data, replace(markers, there=np.zeros_like(markers.there)), draws=1)
    with pytest.raises(InputRejected, match="no emotion varies"):
        grammar.analyse(data, markers, answers(data, lambda i, e: False), draws=1)
    with pytest.raises(UsageError):
        grammar.analyse(data, markers, draws=0)
