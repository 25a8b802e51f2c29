"""A made-up copy of EmoSign: 200 rows with the paper's counts, and nothing of its content.

Who signs, how many clips each class of the single-expression set has, how many clips show several
expressions and how often joy and excited go together are the paper's figures (or follow from them);
everything else, every name, number, sentence and rating, is invented. Results on it say that a
program runs, nothing about signing.
"""

import csv
import random
from pathlib import Path

from signlens.emosign.annotations import EMOTIONS, REASONS

SIGNER_RECORDINGS = (
    ("Cory_2013-6-25_sc0{}", 87),
    ("Jonathan_2012-11-27_sc0{}", 54),
    ("Rachel_2012-02-14_sc0{}", 30),
    ("Rachel_2011-05-31_sc0{}", 22),
    ("{}-Ben-Conclusion", 7),
)
SIGNERS = {"cory": 87, "jonathan": 54, "rachel": 52, "ben": 7}
SINGLE = {
    "happiness": 54,
    "surprise_pos": 5,
    "surprise_neg": 7,
    "worry": 14,
    "sadness": 10,
    "fear": 7,
    "disgust": 10,
    "frustration": 19,
    "anger": 3,
    "neutral": 11,
}
FREQUENT = {
    ("happiness", "surprise_pos"): 15,
    ("worry", "frustration"): 8,
    ("sadness", "frustration"): 6,
    ("frustration", "anger"): 5,
    ("disgust", "frustration"): 3,
}
RARE = (
    ("worry", "sadness"),
    ("worry", "fear"),
    ("sadness", "anger"),
    ("surprise_neg", "fear"),
    ("surprise_neg", "disgust"),
    ("surprise_neg", "worry"),
    ("disgust", "anger"),
    ("fear", "frustration"),
    ("sadness", "worry", "frustration"),
    ("disgust", "frustration", "anger"),
    ("surprise_neg", "frustration"),
    ("happiness", "worry"),
)
NEUTRAL_SENTIMENTS = 3
JOY_AND_EXCITED = 0.81

WORDS = {
    "happiness": "We won the game and everybody was happy and danced.",
    "surprise_pos": "What a wonderful surprise, I never expected this gift!",
    "surprise_neg": "Suddenly the tire burst, what a shock!",
    "worry": "I am worried about the exam tomorrow.",
    "sadness": "She was sad and cried because her dog died.",
    "fear": "He was afraid of the dark and ran away.",
    "disgust": "The food was rotten and smelled awful.",
    "frustration": "The computer failed again and again, so annoying.",
    "anger": "He was angry and shouted at the driver.",
    "neutral": "The store is open from Monday to Friday.",
}
SEEN = {
    "happiness": ("smile", "large signs, quick pace", "raised brows"),
    "surprise_pos": ("mouth open", "raised eyebrows and wide eyes", ""),
    "surprise_neg": ("wide eyes", "head back", "abrupt movement"),
    "worry": ("furrowed brows", "pursed lips", "body leans forward"),
    "sadness": ("mouth corners down", "slow signs", "shoulders low"),
    "fear": ("wide eyes", "shoulders raised", ""),
    "disgust": ("wrinkled nose", "tongue out", "head turned away"),
    "frustration": ("tense lips", "repeated sign", "puffed cheeks"),
    "anger": ("furrowed brows", "forceful movement", "head thrust"),
    "neutral": ("relaxed face", "", ""),
}
NEGATIVE = ("surprise_neg", "worry", "sadness", "fear", "disgust", "frustration", "anger")


def made_up_rows(seed: int = 0) -> list[dict[str, object]]:
    """200 rows; intensities 0..3; with the keys `classes` and `caption` besides the file's columns."""
    rng = random.Random(seed)
    sets = [(name,) for name, count in SINGLE.items() for _ in range(count)]
    sets += [names for names, count in FREQUENT.items() for _ in range(count)]
    sets += [RARE[i % len(RARE)] for i in range(23)]
    rng.shuffle(sets)
    happy = [i for i, names in enumerate(sets) if "happiness" in names]
    both = set(rng.sample(happy, round(JOY_AND_EXCITED * len(happy))))
    zero = set(rng.sample([i for i, names in enumerate(sets) if names == ("neutral",)], NEUTRAL_SENTIMENTS))
    names = [form.format(rng.randint(1, 99)) for form, count in SIGNER_RECORDINGS for _ in range(count)]
    rng.shuffle(names)
    numbers = rng.sample(range(1_000_000, 9_999_999), len(sets))
    rows: list[dict[str, object]] = []
    for i, classes in enumerate(sets):
        emotions = dict.fromkeys(EMOTIONS, 0)
        for name in classes:
            if name == "happiness":
                joyful = ("joy", "excited") if i in both else (rng.choice(("joy", "excited")),)
                emotions |= {emotion: rng.choice((1, 2, 3)) for emotion in joyful}
            elif name != "neutral":
                emotions[name] = rng.choice((1, 2, 3))
        if any(name in NEGATIVE for name in classes):
            sentiment = -rng.choice((1, 2, 2, 3))
        elif i in zero:
            sentiment = 0
        else:
            sentiment = rng.choice((1, 2, 2, 3)) if classes != ("neutral",) else rng.choice((-1, 1))
        rows.append(
            {
                "video_name": f"{names[i]}_{numbers[i]}",
                "Sentiment": sentiment,
                **emotions,
                **dict(zip(REASONS, SEEN[classes[0]], strict=True)),
                "classes": classes,
                "caption": " ".join(WORDS[name] for name in classes),
            }
        )
    return rows


def write_csv(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_made_up(folder: Path, seed: int = 0, base: int = 1) -> Path:
    """The labels as the released file has them, ``captions.csv`` and ``raters.csv`` beside them.

    Args:
        folder: Where they go.
        seed: What is invented.
        base: How "absent" is stored: 1, as in the released file, or 0.

    Returns:
        The file of labels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed + 1)
    rows = made_up_rows(seed)
    write_csv(
        folder / "captions.csv",
        [{"video_name": row["video_name"], "caption": row["caption"]} for row in rows],
    )
    stored = []
    for row in rows:
        kept = {key: value for key, value in row.items() if key not in ("classes", "caption")}
        stored.append(kept | {e: int(str(row[e])) + base for e in EMOTIONS} | {"made_up": "yes"})
    write_csv(folder / "raters.csv", _raters(rows, base, rng))
    return write_csv(folder / "emosign_dataset.csv", stored)


def _raters(rows: list[dict[str, object]], base: int, rng: random.Random) -> list[dict[str, object]]:
    """Three annotators; on each label at most one of them differs, so that the majority is the label."""
    ratings: list[dict[str, object]] = []
    for number, row in enumerate(rows):
        skips = rng.randrange(3) if number % 20 == 0 else None
        given: list[dict[str, object]] = [
            {"video_name": row["video_name"], "annotator": f"annotator {k + 1}"} for k in range(3)
        ]
        for label in ("Sentiment", *EMOTIONS):
            true = int(str(row[label]))
            low, high = (-3, 3) if label == "Sentiment" else (0, 3)
            odd = rng.randrange(3) if skips is None and rng.random() < 0.4 else None
            for k in range(3):
                value = true if k != odd else min(max(true + rng.choice((-1, 1, 2)), low), high)
                value += 0 if label == "Sentiment" else base
                given[k][label] = "" if k == skips else value
        for k in range(3):
            given[k]["confidence"] = "" if k == skips else rng.randint(40, 100)
            given[k]["Reasoning"] = "" if k == skips else row[REASONS[k]]
        ratings += given
    return ratings
