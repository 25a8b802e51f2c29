import numpy as np
import pytest
from made_up import JOY_AND_EXCITED, write_made_up

from signlens.emosign.annotations import EMOTIONS, load_emosign
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.scoring import score
from signlens.emosign.tasks import multi_label
from signlens_studies.emosign.figures import co_occurrence, draw_figures

pytestmark = pytest.mark.study


def test_co_occurrence_agrees_with_scikit_learn(tmp_path):
    metrics = pytest.importorskip("sklearn.metrics")
    present = multi_label(load_emosign(write_made_up(tmp_path)).clips).present
    found = co_occurrence(present)
    for i in range(len(EMOTIONS)):
        for j in range(len(EMOTIONS)):
            assert found[i, j] == pytest.approx(metrics.jaccard_score(present[:, i], present[:, j]))
    assert found[0, 1] == pytest.approx(JOY_AND_EXCITED, abs=0.01)
    assert not co_occurrence(np.zeros((3, 2), dtype=bool)).any()


def test_a_figure_for_each_task_and_two_of_the_labels(tmp_path):
    pytest.importorskip("matplotlib")
    data = load_emosign(write_made_up(tmp_path))
    found = score([LabelPrediction(c.video_name, "-1") for c in data.clips], data, draws=5)
    drawn = draw_figures(found, data, tmp_path / "figures", ".svg")
    names = {path.stem for path in drawn}
    confusions = {
        f"{kind}-{task}" for kind in ("confusion", "recall") for task in ("sentiment7", "sentiment3")
    }
    assert names == confusions | {"labels", "co-occurrence"}
    assert all(b"<svg" in path.read_bytes() for path in drawn)
