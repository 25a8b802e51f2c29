"""Does emotion help? How many clips it takes before a gain can be seen, and what the paper's could show.

    python -m signlens_studies slr-sentiment emotion-power --out power.svg --json

Two systems on the same clips, the plain one and the augmented one: a clip is gained, lost, or neither.
Whether a difference is seen is decided by McNemar's exact test at 5 per cent; the power is the chance that
it is, summed over the binomial distributions without approximation, and checked by simulation. Clips are
taken for independent; those of one signer are alike, so every number of clips here is a lower bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.errors import InputRejected, UsageError
from signlens.evaluation.comparison import sign_test
from signlens.evaluation.metrics import Interval, bootstrap, wilson
from signlens.optional import require_extra
from signlens_studies.figures import new_figure, save_figure
from signlens_studies.markdown import markdown_table

LEVEL = 0.05
POWER = 0.8
MOST_CLIPS = 2_000_000
_SPREAD = 8.0  # standard deviations of the number of changed clips that are summed

DISCORDANCES = (0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)
SHARES = (0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class Inputs:
    """What is taken from the SLR-sentiment paper's published predictions and logs.

    Attributes:
        clips: Clips of its Table 5, one signer left out.
        plain_right: Recognised without emotion (predictions).
        emotional: Clips of the glosses of the map behind the scores, 29 (predictions).
        emotional_plain_right: Recognised of these without emotion (predictions).
        gained: Of these, recognised with emotion alone (logs).
        lost: Clips of other glosses, recognised without emotion alone (logs).
        narrow: Clips of the 27 glosses of Table 6 (predictions).
        narrow_plain_right: Recognised of these without emotion (predictions).
        narrow_gained: Of these, recognised with emotion alone (logs); none is lost.
        narrow_among_ten: Of these, among the ten best (Table 6).
    """

    clips: int = 2329
    plain_right: int = 703
    emotional: int = 43
    emotional_plain_right: int = 13
    gained: int = 5
    lost: int = 4
    narrow: int = 39
    narrow_plain_right: int = 13
    narrow_gained: int = 4
    narrow_among_ten: int = 31


def read_inputs(predictions: Path, class_list: Path, left_out: str = "signer9") -> Inputs:
    """The inputs with what the predictions hold counted again.

    Args:
        predictions: ``val_predictions.csv`` of the paper; its last column.
        class_list: WLASL's class list.
        left_out: The signer whom Tables 5 and 6 leave out.
    """
    from signlens.datasets.labels import read_gloss_list
    from signlens.emotion.gloss_map import load_gloss_map
    from signlens.evaluation.scores import signers_in_names
    from signlens_studies.slr_sentiment.recognition_tables import read_predictions

    glosses = read_gloss_list(class_list)
    clips, labels, columns = read_predictions(predictions)
    signers = signers_in_names(clips)
    if signers is None or labels.max() >= len(glosses):
        raise InputRejected(predictions, "is not the paper's file", "give val_predictions.csv and class list")
    kept = signers != left_out
    right = list(columns.values())[-1] == labels

    def there(name: str) -> NDArray[np.bool_]:
        found = load_gloss_map(name).class_emotions(glosses, include_grammatical=True)
        return np.asarray(kept & (found[labels] >= 0))

    wide, narrow = there("slr-sentiment-29"), there("slr-sentiment-27")
    return Inputs(
        clips=int(kept.sum()),
        plain_right=int((right & kept).sum()),
        emotional=int(wide.sum()),
        emotional_plain_right=int((right & wide).sum()),
        narrow=int(narrow.sum()),
        narrow_plain_right=int((right & narrow).sum()),
    )


# -- power ------------------------------------------------------------------------------------------


def wins_needed(changed: NDArray[np.integer]) -> NDArray[np.int64]:
    """The fewest gained among the changed clips that McNemar's exact test calls a gain at 5 per cent.

    Args:
        changed: Numbers of clips that changed.

    Returns:
        As many; one more than all of them where no number is enough (fewer than six changed clips).
    """
    # The two-sided p is twice the chance of so few lost: ppf is the first number of lost that is too many.
    return np.asarray(changed - (_binomial().ppf(LEVEL / 2, changed, 0.5) - 1), np.int64)


def mcnemar_power(clips: int, gained: float, lost: float) -> float:
    """The chance that McNemar's exact test sees a gain, summed over all that may happen.

    Args:
        clips: N, independent.
        gained: Chance that the augmented system alone recognises a clip.
        lost: Chance that the plain system alone does.
    """
    if clips < 1 or min(gained, lost) < 0 or gained + lost > 1:
        raise UsageError("power", f"{clips} clips, gained {gained}, lost {lost}", "give chances and clips")
    changing = gained + lost
    if changing == 0:
        return 0.0
    binomial = _binomial()
    middle, spread = clips * changing, _SPREAD * (1 + clips * changing * (1 - changing)) ** 0.5
    changed = np.arange(max(0, int(middle - spread)), min(clips, int(middle + spread) + 1) + 1)
    seen = binomial.sf(wins_needed(changed) - 1, changed, gained / changing)
    return float((binomial.pmf(changed, clips, changing) * seen).sum())


def _binomial() -> Any:
    try:
        from scipy.stats import binom
    except ImportError:
        raise require_extra("studies", "scipy") from None
    return binom


def simulated_power(clips: int, gained: float, lost: float, draws: int = 20_000, seed: int = 0) -> float:
    """The same by drawing data sets and testing each."""
    drawn = np.random.default_rng(seed).multinomial(clips, [gained, lost, 1 - gained - lost], draws)
    return float(np.mean(drawn[:, 0] >= wins_needed(drawn[:, 0] + drawn[:, 1])))


def clips_needed(gained: float, lost: float, power: float = POWER) -> int | None:
    """How many clips it takes until the gain is seen with this power; None above two millions.

    The exact test's power goes up in small steps back and forth; the number given is where its power over
    the next tenth of clips is never below the one asked for.
    """
    if gained <= lost:
        return None
    low, high = 1, 8
    while mcnemar_power(high, gained, lost) < power:
        low, high = high, 2 * high
        if high > MOST_CLIPS:
            return None
    while high - low > max(1, high // 400):
        middle = (low + high) // 2
        low, high = (middle, high) if mcnemar_power(middle, gained, lost) < power else (low, middle)
    step = max(1, high // 300)
    found = max(1, high - 10 * step)
    for clips in range(found, high + 30 * step, step):
        if mcnemar_power(clips, gained, lost) < power:
            found = clips + step
    return found


def detectable_gain(clips: int, discordance: float, power: float = POWER) -> float | None:
    """The smallest gain, as a share of the clips, that is seen with this power; None if none is.

    Args:
        clips: N.
        discordance: Chance that a clip changes, gained or lost.
        power: Chance to see it.
    """
    low, high = 0.0, discordance
    if mcnemar_power(clips, discordance, 0.0) < power:
        return None
    while high - low > 1e-6:
        gain = (low + high) / 2
        seen = mcnemar_power(clips, (discordance + gain) / 2, (discordance - gain) / 2) >= power
        low, high = (low, gain) if seen else (gain, high)
    return high


# -- the answers ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ByDiscordance:
    """Clips of emotional glosses until a gain among them is seen.

    Attributes:
        discordance: Share of the clips that change, 0..1.
        gain: Gained less lost, as a share of the clips.
        clips: How many; None if more than two millions.
        simulated_power: At this number, by simulation.
    """

    discordance: float
    gain: float
    clips: int | None
    simulated_power: float | None


@dataclass(frozen=True)
class ByShare:
    """Clips of a whole dataset until its gain is seen, at the paper's rates of gained and lost clips.

    Attributes:
        emotional_share: Share of its clips that are of emotional glosses, 0..1.
        gain: Expected gain over all clips, in points.
        discordance: Expected share of clips that change, in points.
        clips: How many; None where there is no gain, or it takes more than two millions.
        emotional_clips: How many of them are of emotional glosses.
        simulated_power: At this number, by simulation.
        clips_between: The same with the paper's rate of gained clips at the ends of its 95 % interval, the
            higher rate first.
    """

    emotional_share: float
    gain: float
    discordance: float
    clips: int | None
    emotional_clips: int | None
    simulated_power: float | None
    clips_between: tuple[int | None, int | None]


@dataclass(frozen=True)
class Verdict:
    """What the paper's own clips say.

    Attributes:
        gain: Over all clips, in points.
        gained: Clips.
        lost: Clips.
        p_value: McNemar's exact test.
        detectable_gain: The smallest true gain, in points, that so many clips show with 80 % power, where as
            many change as did; None if none.
        most_possible: What a reader of faces that never errs could gain over all clips, in points: every
            clip of its emotional glosses that is among the ten best becomes the first.
        emotional_gain: Among the clips of emotional glosses (Table 6), in points.
        emotional_p_value: McNemar's exact test of these.
        emotional_clips_needed: How many of them would have shown a gain of this size.
    """

    gain: Interval
    gained: int
    lost: int
    p_value: float
    detectable_gain: float | None
    most_possible: float
    emotional_gain: Interval
    emotional_p_value: float
    emotional_clips_needed: int | None


@dataclass(frozen=True)
class Answer:
    """All of it.

    Attributes:
        inputs: What was taken from the paper.
        level: Of the test.
        power: Asked for.
        gained_rate: Share of clips of emotional glosses that it gains, percent, Wilson's interval.
        lost_rate: Share of other clips that it loses, likewise.
        break_even_share: Share of emotional clips, percent, below which it loses more than it gains.
        share_for_one_point: Share of emotional clips, percent, from which it gains a point over all clips.
        by_discordance: A gain of one point among clips of emotional glosses.
        by_share: At the paper's rates, by the share of emotional clips.
        verdict: On the paper's clips.
    """

    inputs: Inputs
    level: float
    power: float
    gained_rate: Interval
    lost_rate: Interval
    break_even_share: float
    share_for_one_point: float
    by_discordance: tuple[ByDiscordance, ...]
    by_share: tuple[ByShare, ...]
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def by_discordance(gain: float = 0.01, seed: int = 0) -> tuple[ByDiscordance, ...]:
    """How many clips a gain takes, the more clips change both ways."""
    rows = []
    for discordance in DISCORDANCES:
        if discordance < gain:
            continue
        gained, lost = (discordance + gain) / 2, (discordance - gain) / 2
        clips = clips_needed(gained, lost)
        simulated = None if clips is None else simulated_power(clips, gained, lost, seed=seed)
        rows.append(ByDiscordance(discordance, gain, clips, simulated))
    return tuple(rows)


def by_share(inputs: Inputs, seed: int = 0) -> tuple[ByShare, ...]:
    """How many clips of a dataset it takes at the paper's rates."""
    rates = wilson(inputs.gained, inputs.emotional)
    lost_rate = inputs.lost / (inputs.clips - inputs.emotional)
    rows = []
    for share in (inputs.emotional / inputs.clips, *SHARES):
        lost = (1 - share) * lost_rate
        gained = share * inputs.gained / inputs.emotional
        clips = clips_needed(gained, lost)
        rows.append(
            ByShare(
                emotional_share=share,
                gain=100 * (gained - lost),
                discordance=100 * (gained + lost),
                clips=clips,
                emotional_clips=None if clips is None else round(share * clips),
                simulated_power=None if clips is None else simulated_power(clips, gained, lost, seed=seed),
                clips_between=(
                    clips_needed(share * rates.high / 100, lost),
                    clips_needed(share * rates.low / 100, lost),
                ),
            )
        )
    return tuple(rows)


def verdict(inputs: Inputs, seed: int = 0) -> Verdict:
    """What the paper's clips say of its gain."""
    changed = np.repeat(
        [100.0, -100.0, 0.0], [inputs.gained, inputs.lost, inputs.clips - inputs.gained - inputs.lost]
    )
    detectable = detectable_gain(inputs.clips, (inputs.gained + inputs.lost) / inputs.clips)
    narrow = np.repeat([100.0, 0.0], [inputs.narrow_gained, inputs.narrow - inputs.narrow_gained])
    return Verdict(
        gain=bootstrap(changed, draws=10_000, seed=seed),
        gained=inputs.gained,
        lost=inputs.lost,
        p_value=sign_test(inputs.gained, inputs.lost),
        detectable_gain=None if detectable is None else 100 * detectable,
        most_possible=100 * (inputs.narrow_among_ten - inputs.narrow_plain_right) / inputs.clips,
        emotional_gain=bootstrap(narrow, draws=10_000, seed=seed),
        emotional_p_value=sign_test(inputs.narrow_gained, 0),
        emotional_clips_needed=clips_needed(inputs.narrow_gained / inputs.narrow, 0.0),
    )


def does_it_help(inputs: Inputs | None = None, seed: int = 0) -> Answer:
    """All of the answers."""
    inputs = inputs or Inputs()
    gained = inputs.gained / inputs.emotional
    lost = inputs.lost / (inputs.clips - inputs.emotional)
    return Answer(
        inputs=inputs,
        level=LEVEL,
        power=POWER,
        gained_rate=wilson(inputs.gained, inputs.emotional),
        lost_rate=wilson(inputs.lost, inputs.clips - inputs.emotional),
        break_even_share=100 * lost / (gained + lost),
        share_for_one_point=100 * (0.01 + lost) / (gained + lost),
        by_discordance=by_discordance(seed=seed),
        by_share=by_share(inputs, seed),
        verdict=verdict(inputs, seed),
    )


# -- for people -------------------------------------------------------------------------------------


def draw(path: Path, gains: Mapping[str, float] | None = None) -> None:
    """Clips needed against the share of clips that change, for several gains."""
    figure = new_figure(6.5, 4.2)
    axes = figure.subplots()
    for (label, gain), colour in zip(
        (gains or {"0.5 points": 0.005, "1 point": 0.01, "2 points": 0.02, "5 points": 0.05}).items(),
        ("#c1440e", "#1f6f8b", "#5b8c3a", "#6b4c9a"),
        strict=False,
    ):
        at = np.geomspace(gain, 0.3, 10)
        needed = [clips_needed((d + gain) / 2, (d - gain) / 2) for d in at.tolist()]
        axes.plot(
            100 * at, [np.nan if n is None else n for n in needed], marker=".", color=colour, label=label
        )
    inputs = Inputs()
    for clips, text in (
        (inputs.clips, "the paper's clips"),
        (inputs.narrow, "its clips of emotional glosses"),
    ):
        axes.axhline(clips, color="#888888", linestyle=":", linewidth=1)
        axes.annotate(
            f"{text}: {clips:,}", (30, 0.95 * clips), ha="right", va="top", fontsize=8, color="#555555"
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = (0.5, 1, 2, 5, 10, 20, 30)
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_xlabel("clips whose answer changes, gained or lost, %")
    axes.set_ylabel("clips needed")
    axes.set_title("Clips until a gain in top-1 is seen (McNemar, 5 %, power 80 %)", fontsize=10)
    axes.legend(title="true gain", frameon=False)
    save_figure(figure, path)


def text(found: Answer) -> str:
    """Tables in Markdown."""

    def number(value: int | None) -> str:
        return "more than 2,000,000" if value is None else f"{value:,}"

    first = [
        (
            f"{100 * row.discordance:g} %",
            number(row.clips),
            "" if row.simulated_power is None else f"{100 * row.simulated_power:.1f} %",
        )
        for row in found.by_discordance
    ]
    second = [
        (
            f"{100 * share.emotional_share:.1f} %",
            f"{share.gain:+.2f}",
            f"{share.discordance:.2f} %",
            number(share.clips),
            number(share.emotional_clips),
            " to ".join("no gain" if n is None else f"{n:,}" for n in share.clips_between),
        )
        for share in found.by_share
    ]
    shares = ("emotional share", "gain, points", "clips that change", "clips needed", "of these emotional")
    lines = [
        markdown_table(("clips that change", "clips of emotional glosses needed", "power, simulated"), first),
        "",
        markdown_table((*shares, "rate at the ends of its interval"), second),
    ]
    v, i = found.verdict, found.inputs
    detectable = "none" if v.detectable_gain is None else f"{v.detectable_gain:.2f} points"
    lines += [
        "",
        f"gained of {i.emotional} clips of emotional glosses: {found.gained_rate.value:.1f} % "
        f"({found.gained_rate.low:.1f}-{found.gained_rate.high:.1f}); lost of the {i.clips - i.emotional:,} "
        f"others: {found.lost_rate.value:.2f} % ({found.lost_rate.low:.2f}-{found.lost_rate.high:.2f})",
        f"emotional clips that even it out: {found.break_even_share:.1f} %; for a point over all clips: "
        f"{found.share_for_one_point:.1f} %",
        f"the paper's {i.clips:,} clips: {v.gained} gained, {v.lost} lost, {v.gain.value:+.2f} points "
        f"({v.gain.low:+.2f} to {v.gain.high:+.2f}), p = {v.p_value:.3g}; smallest gain they show with 80 % "
        f"power: {detectable}; most that a faultless reading could gain: {v.most_possible:.2f} points",
        f"its {i.narrow} clips of emotional glosses: {v.emotional_gain.value:+.1f} points "
        f"({v.emotional_gain.low:+.1f} to {v.emotional_gain.high:+.1f}), p = {v.emotional_p_value:.3g}; "
        f"{number(v.emotional_clips_needed)} would show such a gain with 80 % power",
    ]
    return "\n".join(lines)
