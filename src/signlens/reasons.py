"""Why an answer is worth less than it could be: a code for programs, a sentence for people.

>>> Reason("hands_not_seen", "No hand is seen in any frame.").to_json()
{'code': 'hands_not_seen', 'text': 'No hand is seen in any frame.'}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from signlens.errors import SignLensError

CODES: dict[str, str] = {
    # the video
    "end_missing": "the end of the file is missing",
    "frames_missing": "fewer frames can be decoded than the file claims",
    "packets_damaged": "packets of the video cannot be decoded",
    "reading_stopped": "reading stopped before the end",
    "frames_damaged": "frames are damaged",
    "size_changes": "the size of the picture changes within the clip",
    "times_missing": "frames have no usable time; an even rate is assumed",
    "single_frame": "there is one frame only, so no movement",
    # the poses
    "several_people": "more than one person; the largest one is followed",
    "person_seldom_seen": "a person is seen in less than half of the frames",
    "hands_not_seen": "no hand is seen in any frame",
    "hands_seldom_seen": "a hand is seen in few frames",
    "face_not_seen": "the face is seen in no frame",
    "face_seldom_seen": "the face is seen in too few frames for markers",
    "no_face_mesh": "the poses carry no face mesh",
    "unknown_extractor": "another tool wrote the .pose file, or it is not known what made its poses",
    "other_extractor": "another extractor made the poses than those that the model was trained on",
    # the signer's orientation and depth
    "turned": "the poses were turned to the camera",
    "levelled": "the poses were levelled",
    "shoulders_not_seen": "the shoulders are not seen in some frames, or in none",
    "no_depth": "the poses carry no depth",
    "depth_disagrees": "the depth does not fit the poses",
    # markers of face and head
    "no_rest_seen": "the hands are never at rest, so brows are compared with the clip's median",
    "brows_covered": "a hand covers the brows throughout",
    "frame_rate_low": "too few frames a second for head movements",
    # the model and its parts
    "no_face_picture": "the emotion provider found no picture of the face",
    "gloss_map_unknown": "the model knows none of the gloss map's glosses",
    "no_gallery": "the model has no gallery of similar signs",
    "held_out_found": "clips of a validation or test split are among the similar signs",
    # rejected
    "input_rejected": "the clip cannot be answered",
    "part_missing": "a model or an optional library is missing",
    "wrong_usage": "an option or an argument is wrong",
    "defect": "an error of SignLens itself",
    # other
    "unclassified": "read from a file that was written before reasons had codes",
}
"""Every code and what it means. A code is never reworded; its text may be."""


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes:
        code: One of `CODES`.
        text: One sentence for a person.
    """

    code: str
    text: str

    def __post_init__(self) -> None:
        """Refuse an unknown code."""
        if self.code not in CODES:
            raise ValueError(f"there is no reason with the code {self.code!r}")

    @classmethod
    def of_error(cls, error: SignLensError) -> Self:
        """Why a clip was rejected."""
        return cls(error.code, str(error))

    def to_json(self) -> dict[str, str]:
        """Plain values."""
        return {"code": self.code, "text": self.text}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read what `to_json` gave, or the plain sentence of an older file.

        Raises:
            TypeError: It is neither.
            KeyError: A part is missing.
        """
        if isinstance(value, str):
            return cls("unclassified", sentence(value))
        code, text = value["code"], value["text"]
        if not isinstance(text, str):
            raise TypeError("a reason's text is no text")
        return cls(code if code in CODES else "unclassified", text)


def sentence(text: str) -> str:
    """The text with a capital at its beginning and a full stop at its end.

    >>> sentence("the end of the file is missing")
    'The end of the file is missing.'
    """
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
