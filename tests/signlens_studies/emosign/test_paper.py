import pytest

from signlens_studies.emosign import paper


def test_the_average_of_the_alphas_is_not_the_one_that_is_printed():
    values = list(paper.ALPHA.values())
    assert len(values) == 11
    assert round(paper.alpha_mean(), 3) == 0.418
    assert round(sum(values[:4]) / 4, 4) == pytest.approx(0.5925)
    assert paper.ALPHA_AVERAGE_PRINTED == 0.593


def test_the_recovered_class_sizes_explain_every_printed_recall_and_accuracy():
    assert sum(paper.RECOVERED_SINGLE.values()) == 140
    for row in paper.EMOTION:
        sizes = paper.RECOVERED_SINGLE.values()
        for printed, hits, size in zip(row.recalls, paper.recovered_hits(row), sizes, strict=True):
            assert abs(100 * hits / size - printed) <= 0.5
        assert round(paper.recovered_wacc(row), 2) == pytest.approx(row.wacc, abs=0.0051)
