"""How many clips show a gain: against enumeration, simulation, and the textbook's approximation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from places import DATA, SHARED
from scipy.stats import binomtest, multinomial, norm
from study_commands import study

from signlens.errors import InputRejected, UsageError
from signlens_studies.slr_sentiment import emotion_power
from signlens_studies.slr_sentiment.emotion_power import (
    Inputs,
    clips_needed,
    detectable_gain,
    mcnemar_power,
    read_inputs,
    simulated_power,
    verdict,
    wins_needed,
)


def test_the_wins_that_the_exact_test_asks_for() -> None:
    changed = np.array([0, 1, 5, 6, 9, 20, 57, 200])
    for n, needed in zip(changed.tolist(), wins_needed(changed).tolist(), strict=True):
        enough = [w for w in range(n // 2 + 1, n + 1) if n and binomtest(w, n).pvalue <= 0.05]
        assert needed == (min(enough) if enough else n + 1)


@pytest.mark.parametrize(("clips", "gained", "lost"), [(12, 0.6, 0.1), (25, 0.4, 0.05), (30, 0.3, 0.0)])
def test_the_power_is_the_sum_over_all_outcomes(clips: int, gained: float, lost: float) -> None:
    total = 0.0
    for g in range(clips + 1):
        for n in range(clips + 1 - g):
            if g > n and binomtest(g, g + n).pvalue <= 0.05:
                total += multinomial.pmf([g, n, clips - g - n], clips, [gained, lost, 1 - gained - lost])
    assert mcnemar_power(clips, gained, lost) == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize(("clips", "gained", "lost"), [(800, 0.02, 0.005), (5000, 0.02, 0.014), (100, 0, 0)])
def test_simulation_finds_the_same_power(clips: int, gained: float, lost: float) -> None:
    expected = mcnemar_power(clips, gained, lost)
    noise = 4 * (expected * (1 - expected) / 20_000) ** 0.5
    assert simulated_power(clips, gained, lost, draws=20_000) == pytest.approx(expected, abs=noise + 1e-12)


@pytest.mark.parametrize("discordance", [0.02, 0.05, 0.2])
def test_clips_needed_are_near_the_approximation_and_enough(discordance: float) -> None:
    gained, lost = (discordance + 0.01) / 2, (discordance - 0.01) / 2
    clips = clips_needed(gained, lost)
    # Connor (1987), for McNemar's test without correction: the exact test asks for some more.
    a, b = norm.ppf(0.975), norm.ppf(0.8)
    approximate = (a * discordance**0.5 + b * (discordance - 0.01**2) ** 0.5) ** 2 / 0.01**2
    assert 0.98 * approximate < clips < 1.15 * approximate
    assert mcnemar_power(clips, gained, lost) >= 0.8
    assert mcnemar_power(int(0.9 * clips), gained, lost) < 0.8
    assert detectable_gain(clips, discordance) == pytest.approx(0.01, rel=0.01)


def test_the_more_clips_change_the_more_are_needed_and_no_gain_is_never_seen() -> None:
    needed = [clips_needed((d + 0.02) / 2, (d - 0.02) / 2) for d in (0.02, 0.04, 0.1, 0.3)]
    assert needed == sorted(needed)
    assert clips_needed(0.01, 0.01) is None
    assert clips_needed(0.01, 0.02) is None
    assert clips_needed(0.01, 0.01 - 1e-7) is None, "more than two millions"
    assert detectable_gain(50, 0.05) is None, "too few can change"
    with pytest.raises(UsageError):
        mcnemar_power(10, 0.7, 0.5)


def test_the_verdict_on_the_papers_clips() -> None:
    found = verdict(Inputs())
    assert found.gain.value == pytest.approx(100 / 2329)
    assert found.gain.low < 0 < found.gain.high
    assert found.p_value == binomtest(5, 9).pvalue == 1
    assert found.emotional_p_value == pytest.approx(binomtest(4, 4).pvalue)
    assert found.most_possible == pytest.approx(100 * (31 - 13) / 2329)
    assert found.detectable_gain is not None
    gain, changing = found.detectable_gain / 100, 9 / 2329
    assert mcnemar_power(2329, (changing + gain) / 2, (changing - gain) / 2) == pytest.approx(0.8, abs=0.001)


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(emotion_power, "DISCORDANCES", (0.05,))
    monkeypatch.setattr(emotion_power, "SHARES", (0.5,))
    answer = emotion_power.does_it_help()
    monkeypatch.setattr(emotion_power, "does_it_help", lambda inputs, seed: answer)
    assert study("slr-sentiment", "emotion-power", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    paper, half = found["by_share"]
    rates = 5 / 43, 4 / 2286
    assert half["gain"] == pytest.approx(100 * (0.5 * rates[0] - 0.5 * rates[1]))
    assert paper["gain"] == pytest.approx(100 * (5 - 4) / 2329)
    assert half["clips"] < paper["clips"]
    assert half["clips_between"][0] < half["clips"] < half["clips_between"][1]
    share = found["share_for_one_point"] / 100
    assert share * rates[0] - (1 - share) * rates[1] == pytest.approx(0.01)
    even = found["break_even_share"] / 100
    assert even * rates[0] == pytest.approx((1 - even) * rates[1])
    assert found["by_discordance"][0]["simulated_power"] == pytest.approx(0.8, abs=0.02)
    assert study("slr-sentiment", "emotion-power") == 0
    assert "| 5 % |" in capsys.readouterr().out
    assert study("slr-sentiment", "emotion-power", "--predictions", str(tmp_path / "p.csv")) == 2
    assert study("slr-sentiment", "emotion-power", "--out", str(tmp_path / "p.txt")) == 2


def test_the_figure_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "p.svg"
    emotion_power.draw(path, {"5 points": 0.05})
    assert "<svg" in path.read_text(encoding="utf-8")


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason=f"{SHARED / 'data'} is not there (set SIGNLENS_SHARED)")
def test_the_inputs_are_what_the_papers_predictions_hold(tmp_path: Path) -> None:
    predictions = DATA / "wlasl-seed-results" / "val_predictions.csv"
    assert read_inputs(predictions, DATA / "wlasl-metadata" / "wlasl_class_list.txt") == Inputs()
    (tmp_path / "g.txt").write_text("book\n")
    with pytest.raises(InputRejected):
        read_inputs(predictions, tmp_path / "g.txt")
