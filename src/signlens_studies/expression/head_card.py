"""The card of the expression head, and its tables."""

from __future__ import annotations

from typing import Any

from signlens.emotion.expressions import EMOTIONS
from signlens_studies.expression.head_validation import PICTURED
from signlens_studies.markdown import markdown_table


def tables(report: dict[str, Any]) -> str:
    """The report as Markdown tables, for the card and the docs."""

    def percent(value: float) -> str:
        return f"{100 * value:.1f} %"

    lines = [
        f"CK+ 48x48 crops: {report['faces']} faces of {report['subjects']} subjects, "
        f"{len(report['chosen'])} folds by subject, settings chosen by inner folds; 95 % intervals "
        "by drawing subjects.",
        "",
    ]
    rows: list[tuple[object, ...]] = []
    for way in (PICTURED, "unrefined", "refined", "as filmed"):
        part = report[f"ckplus, {way}"]
        seven, eight = part["seven_classes"], part["eight_classes"]
        low7, high7 = seven["interval_95"]
        low8, high8 = eight["interval_95"]
        first = (WAYS[way], part["not_found"], percent(seven["accuracy"]))
        second = (f"{percent(low7)} to {percent(high7)}", percent(seven["mean_recall"]))
        rows.append((*first, *second, percent(eight["accuracy"]), f"{percent(low8)} to {percent(high8)}"))
    head = ("what is looked at", "not found", "seven classes", "95 % interval", "mean recall")
    lines.append(markdown_table((*head, "eight classes", "95 % interval"), rows))
    for way in (PICTURED, "unrefined"):
        seven = report[f"ckplus, {way}"]["seven_classes"]
        names = list(seven["confusion"])
        columns = [*names, "not found"]
        lines += [
            "",
            f"Confusion, seven classes, {WAYS[way]} (rows: true; columns: answered):",
            "",
            markdown_table(
                ("", *columns, "recall"),
                [
                    (f"**{n}**", *(seven["confusion"][n][c] for c in columns), percent(seven["recall"][n]))
                    for n in names
                ],
            ),
        ]
    for part_name in ("signers at rest", "signers signing (unlabelled)"):
        part = report[part_name]
        lines += [
            "",
            f"{part_name[0].upper()}{part_name[1:]}: {part['faces']} faces of held-out people, "
            "share given each answer:",
            "",
            markdown_table(
                ("what is looked at", *EMOTIONS),
                [
                    (WAYS[way], *(percent(part[way][name]) for name in EMOTIONS))
                    for way in (PICTURED, "clip", "filmed/refined", "crop0/refined")
                ],
            ),
        ]
    calibration = report["calibration"]
    lines += [
        "",
        f"Calibration over held-out CK+ faces and rest frames: temperature {calibration['temperature']:.2f}; "
        f"points alone: expected calibration error {calibration['ece']:.3f} (without temperature "
        f"{calibration['ece_without']:.3f}), log loss {calibration['log_loss']:.3f}; points and picture: "
        f"{calibration['ece_with_pictures']:.3f}, log loss {calibration['log_loss_with_pictures']:.3f}.",
        "",
    ]
    return "\n".join(lines)


WAYS = {
    PICTURED: "points and picture",
    "unrefined": "points alone",
    "refined": "points alone, refined mesh",
    "as filmed": "points alone, as filmed",
    "clip": "points alone, as the pose extractor gives them",
    "filmed/refined": "points alone, refined mesh of the face as filmed",
    "crop0/refined": "points alone, refined mesh of the face shrunk to 48x48",
}
"""What each way of measuring is called in tables."""
CARD = """# Card: `landmarks`, the default expression head

Version {version}, weights SHA-256 `{sha256}`. Two linear readers: a multinomial logistic regression over
measures and the outline of the 468 MediaPipe face points with head pose removed, and, where the picture is at
hand, a linear discriminant over histograms of gradients of a 48x48 grey crop, which only tells the seven
expressions apart that are not neutral. See `docs/emotion.md` for what its scores mean. Trained by
`python -m signlens_studies expression head src/signlens_studies/expression/{experiment}`.

## Trained on
- **CK+** (Lucey et al. 2010), 48x48 crops, seven posed expressions. Research only; no picture is
  contained in or can be got back from these weights, and none may be passed on.
- **WLASL** videos (Li et al. 2020), C-UDA 1.0, computational research only: frames near the ends of
  clips in which both wrists are low stand for *neutral*. That is a weak label: signers smile or
  frown at rest too.

Use of the weights should respect both terms: research.

## How good, and where not
{tables}
"Points and picture" is what `recognize` does with a video (the mesh without refinement, and the crop at its
points); "points alone" what it does with a `.pose` file. "As filmed" are CK+ faces moved by what separates
filmed from shrunk faces of held-out signers: an estimate, not a recording.

Posed faces of mostly young, hearing Americans; studio light; one look at each face without its owner's
resting face to compare with. Colour and movement are not seen. In signing, brows, mouth and
head are grammar as well as affect: a brow raise of a yes/no question can score as surprise. Not for
judging people.
"""
