"""What a result says, in words for a person."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import PurePath

from signlens.emotion.explain import Explaining
from signlens.emotion.expressions import EmotionReading
from signlens.fusion.clip_fusion import BoostInfo, Evidence
from signlens.recognition import Recognition
from signlens.signing.intensity import Intensity

NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"

STATUS_WORDS = {
    "ok": "Healthy clip",
    "degraded": "Answered with reservations",
    "rejected": "Not answered",
}


def percent(share: float) -> str:
    """A share 0..1 for a person: one decimal near 0 and 1, never a rounded-up certainty."""
    if not math.isfinite(share):
        return "unknown"
    if 0 < share < 0.0005:
        return f"<0.1{NARROW_SPACE}%"
    if 0.9995 <= share < 1:
        return f">99.9{NARROW_SPACE}%"
    value = 100 * share
    text = f"{value:.1f}" if 0 < value < 9.95 or 99 < value < 100 else f"{value:.0f}"
    return f"{text}{NARROW_SPACE}%"


def signed(value: float, decimals: int = 2) -> str:
    """A number with its sign, typeset with a true minus; exactly 0 has none.

    >>> signed(-0.5), signed(0.5), signed(0.0)
    ('−0.50', '+0.50', '0.00')
    """
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return f"{MINUS if value < 0 else '+'}\N{INFINITY}"
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return text
    return f"{MINUS if value < 0 else '+'}{text}"


def factor(log_term: float) -> str:
    """What a log term does to a gloss's odds: ``no change``, or the factor it multiplies by.

    >>> factor(0.0)
    'no change'
    """
    if math.isnan(log_term):
        return "unknown"
    ratio = math.exp(min(log_term, 50.0))
    if abs(ratio - 1) < 0.005:
        return "no change"
    if ratio < 0.01:
        return f"{TIMES}{NARROW_SPACE}<0.01"
    if ratio >= 1000:
        return f"{TIMES}{NARROW_SPACE}>1000"
    return f"{TIMES}{NARROW_SPACE}{ratio:.2f}" if ratio < 10 else f"{TIMES}{NARROW_SPACE}{ratio:.0f}"


def movement_share(evidence: Evidence) -> str:
    """The probability that the skeleton models give on their own."""
    return percent(math.exp(min(evidence.skeleton, 0.0)))


def file_name(path: str) -> str:
    """The last part of a path, whichever separator it uses; the path itself where there is none.

    >>> file_name("films/hello.mp4")
    'hello.mp4'
    """
    return PurePath(path.replace("\\", "/")).name or path


def headline(recognition: Recognition) -> tuple[str, str]:
    """A line that leads to the answer, and the answer itself, as two short pieces of text."""
    if recognition.answer is None:
        return "This clip was not answered", "No answer"
    kind, gloss = recognition.answer.kind, recognition.answer.gloss
    if kind == "sign" and gloss is not None:
        for prediction in recognition.predictions:
            if prediction.gloss == gloss:
                return f"The sign, with a probability of {percent(prediction.probability)}", gloss
        return "The sign", gloss
    if kind == "no_sign":
        return "In this clip", "No sign made"
    return "Not in the vocabulary, or not clear enough", "Unknown sign"


def strongest(reading: EmotionReading) -> tuple[str, float]:
    """The expression with the highest mean, and that mean."""
    return max(reading.probabilities.items(), key=lambda item: item[1])


def expression_sentence(reading: EmotionReading | None) -> str:
    """One sentence on the face."""
    if reading is None or not reading.probabilities:
        return "No face was seen, so nothing is said of the expression."
    name, value = strongest(reading)
    return (
        f"The strongest expression of the face is {name}, {percent(value)} on average; "
        f"a face was seen in {percent(reading.coverage)} of the sampled frames."
    )


def why(evidence: Evidence) -> str:
    """One sentence on what led to a gloss's score."""
    parts = [f"the movement alone gives it {movement_share(evidence)}"]
    for who, plural, term in (("the face", "", evidence.emotion), ("similar signs", "s", evidence.retrieval)):
        effect = factor(term)
        if effect == "no change":
            parts.append(f"{who} change{'' if plural else 's'} nothing")
        else:
            verb = "raise" if term > 0 else "lower"
            parts.append(f"{who} {verb}{'' if plural else 's'} its odds ({effect})")
    return f"{parts[0]}, {parts[1]}, and {parts[2]}."


def expression_runs(reading: EmotionReading) -> Iterator[tuple[str, float, float]]:
    """The strongest expression over time: (expression, from second, to second) per unbroken run."""
    run: tuple[str, float, float] | None = None
    for moment in reading.timeline:
        name = max(moment.probabilities.items(), key=lambda item: item[1])[0]
        if run is not None and run[0] == name:
            run = (name, run[1], moment.t_s)
            continue
        if run is not None:
            yield run
        run = (name, moment.t_s, moment.t_s)
    if run is not None:
        yield run


LEAST_SHOWN = 0.005
"""A probability that changes by less is not worth a sentence."""


def marker_name(name: str) -> str:
    """A marker's name in words: ``brow raise``."""
    return name.replace("_", " ")


def _marker_list(names: tuple[str, ...]) -> str:
    return " and ".join(marker_name(name) for name in names)


def boost_sentences(recognition: Recognition) -> list[str]:
    """By what the boost counted, and what the markers did to the ranking, one sentence each."""
    if recognition.explaining is None:
        return ["The emotion boost is off: neither expression nor markers changed the ranking."]
    return [*_by_which_map(recognition.boost), *_explained(recognition.explaining)]


def _by_which_map(boost: BoostInfo | None) -> list[str]:
    if boost is None:
        return []
    return [
        f"The boost counted by the map {boost.gloss_map} (SHA-256 {boost.gloss_map_sha256[:12]}...) at a "
        f"strength of {boost.strength:g}, among the {boost.top_k} best glosses."
    ]


def _explained(boost: Explaining) -> list[str]:
    if not boost.markers_heeded:
        return ["Markers were not heeded: the boost took every expression as affect."]
    sentences = [
        f"The {_marker_list(cut.markers)} may explain {cut.emotion}: the boost counts it as "
        f"{percent(cut.after)} and not {percent(cut.before)}."
        for cut in boost.explained_away
        if cut.before - cut.after >= LEAST_SHOWN
    ]
    sentences += [
        f"{held.gloss} was held back: {factor(held.term)} for {held.emotion}, where it would have been "
        f"{factor(held.without_markers)}."
        for held in boost.held_back
        if factor(held.term) != factor(held.without_markers)
    ]
    if boost.negation > 0:
        sentences.append(
            f"The headshake (confidence {percent(boost.negation)}) speaks for negation; contempt never does."
        )
    if sentences:
        return sentences
    return ["No marker explained an expression, so the boost used the expressions as they were measured."]


def times_done(repetitions: int) -> str:
    """How often, in words.

    >>> [times_done(count) for count in (1, 2, 3)]
    ['once', 'twice', '3 times']
    """
    return {1: "once", 2: "twice"}.get(repetitions, f"{repetitions} times")


def intensity_sentence(intensity: Intensity | None) -> str:
    """One sentence on speed, size and repetition."""
    if intensity is None:
        return "no movement of the hands could be measured."
    return (
        f"{intensity.speed:.1f} shoulder widths a second ({intensity.speed_ratio:.1f} {TIMES} the usual), "
        f"{intensity.size:.1f} shoulder widths large ({intensity.size_ratio:.1f} {TIMES} the usual), "
        f"movement done {times_done(intensity.repetitions)}."
    )
