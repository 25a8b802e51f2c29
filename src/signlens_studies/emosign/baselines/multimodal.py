"""Multimodal language models behind any server that speaks the OpenAI chat API with images.

Each clip is one request: some frames with their times, the caption if asked for, and the paper's three
tasks in our own words. The answer must follow a JSON schema. Answers are kept by the content of the
request, so a run that was stopped goes on, and asking the same again costs nothing.

The frames show a person; where they may go says `signlens_studies.emosign.baselines.chat`.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signlens.emosign.annotations import EMOTIONS, INTENSITIES, SENTIMENTS, EmoSignClip, checked_intervals
from signlens.emosign.predictions import LabelPrediction
from signlens.emosign.tasks import EMOTION_CLASSES
from signlens.errors import InputRejected
from signlens.files import whole_file
from signlens_studies.emosign.baselines.chat import ChatServer, ServerSettings, Tally, Unusable
from signlens_studies.emosign.baselines.frames import Shown, frames_at
from signlens_studies.emosign.baselines.materials import Materials, digest_of, refused

SYSTEM = (
    "You look at short clips of people who sign in American Sign Language and label the emotion that the "
    "signing conveys. In sign languages the face also does grammar: raised brows can mark a question or a "
    "topic, furrowed brows a wh-question, a headshake negation. Weigh this before you take such a movement "
    "for emotion. Speed, size and repetition of signs, body posture and gaze carry emotion too."
)
TASK = (
    "Label this clip.\n"
    "- sentiment: a whole number from -3 (very negative) over 0 (neutral) to 3 (very positive).\n"
    "- intensities: for each of the ten emotions 0 (absent), 1 (slight), 2 (clear) or 3 (strong); several "
    "may be there at once, or none.\n"
    "- emotion: exactly one word for the clip as a whole; joy and excitement are both 'happiness'; 'neutral' "
    "only if no emotion shows.\n"
    "- cue: at most two sentences that name what can be seen and led you to the labels.\n"
    "- cue_intervals: when it can be seen, as pairs of begin and end in seconds; an empty list if you cannot "
    "tell."
)


def answer_schema() -> dict[str, Any]:
    """The JSON schema of an answer."""
    level = {"type": "integer", "enum": list(INTENSITIES)}
    return {
        "type": "object",
        "properties": {
            "sentiment": {"type": "integer", "enum": list(SENTIMENTS)},
            "intensities": {
                "type": "object",
                "properties": dict.fromkeys(EMOTIONS, level),
                "required": list(EMOTIONS),
                "additionalProperties": False,
            },
            "emotion": {"type": "string", "enum": list(EMOTION_CLASSES)},
            "cue": {"type": "string"},
            "cue_intervals": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        },
        "required": ["sentiment", "intensities", "emotion", "cue", "cue_intervals"],
        "additionalProperties": False,
    }


# ---- the request ---------------------------------------------------------------------------------


def _jpeg(image: NDArray[np.uint8], quality: int) -> str:
    import cv2

    done, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise InputRejected("frame", "cannot be made a JPEG picture", "is the video whole?")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def request_body(settings: ServerSettings, shown: Sequence[Shown], caption: str | None) -> dict[str, Any]:
    """What is sent for one clip.

    Args:
        settings: Model and form of the answer.
        shown: The frames, in order of time.
        caption: Its English translation, or None to leave it out.
    """
    content: list[dict[str, Any]] = []
    if shown:
        content.append({"type": "text", "text": f"{len(shown)} frames of the clip, each after its time."})
    for frame in shown:
        content.append({"type": "text", "text": f"{frame.t_s:.2f} s"})
        content.append({"type": "image_url", "image_url": {"url": _jpeg(frame.image, settings.quality)}})
    if caption is not None:
        content.append(
            {"type": "text", "text": f"English translation of what is signed: {json.dumps(caption)}"}
        )
    task = TASK
    if settings.structure != "schema":
        task += "\nAnswer with one JSON object of this schema and nothing else:\n" + json.dumps(
            answer_schema()
        )
    content.append({"type": "text", "text": task})
    body: dict[str, Any] = {
        "model": settings.model,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}],
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
    }
    if settings.structure == "schema":
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "emosign", "strict": True, "schema": answer_schema()},
        }
    elif settings.structure == "object":
        body["response_format"] = {"type": "json_object"}
    return body


# ---- the answer ----------------------------------------------------------------------------------


def parse_answer(text: str) -> dict[str, Any]:
    """An answer as a plain document, checked against the schema; extra words around it are let pass."""
    begin, end = text.find("{"), text.rfind("}")
    if begin < 0 or end < begin:
        raise Unusable("there is no JSON object in it")
    try:
        found = json.loads(text[begin : end + 1])
    except (ValueError, RecursionError):
        raise Unusable("it is not whole JSON") from None
    if not isinstance(found, dict):
        raise Unusable("it is not a JSON object")
    sentiment, emotion = found.get("sentiment"), found.get("emotion")
    if not _is_whole(sentiment) or sentiment not in SENTIMENTS:
        raise Unusable(f"sentiment is {_short(sentiment)}, not a whole number from -3 to 3")
    if emotion not in EMOTION_CLASSES:
        raise Unusable(f"emotion is {_short(emotion)}, not one of {', '.join(EMOTION_CLASSES)}")
    levels = found.get("intensities")
    if not isinstance(levels, dict) or set(levels) != set(EMOTIONS):
        raise Unusable(f"intensities must have exactly {', '.join(EMOTIONS)}")
    wrong = [e for e in EMOTIONS if not _is_whole(levels[e]) or levels[e] not in INTENSITIES]
    if wrong:
        raise Unusable(f"the intensities of {', '.join(wrong)} are not whole numbers from 0 to 3")
    return {
        "sentiment": int(sentiment),
        "emotion": emotion,
        "intensities": {e: int(levels[e]) for e in EMOTIONS},
        "cue": str(found.get("cue") or ""),
        "cue_intervals": [list(pair) for pair in _intervals(found.get("cue_intervals"))],
    }


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and (
        isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    )


def _short(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text[:60]


def _intervals(value: Any) -> tuple[tuple[float, float], ...]:
    """Those of the pairs that are intervals; a model that gets a time wrong has still answered the rest."""
    found: list[tuple[float, float]] = []
    for pair in value if isinstance(value, list) else ():
        try:
            begin, end = pair
            found += checked_intervals([(float(begin), float(end))])
        except (TypeError, ValueError):
            continue
    return tuple(sorted(found))


def prediction_of_answer(name: str, answer: Mapping[str, Any] | None) -> LabelPrediction:
    """What an answer says of a clip; None is a refusal."""
    if answer is None:
        return refused(name)
    return LabelPrediction(
        name,
        str(answer["sentiment"]),
        None,
        answer["emotion"],
        dict(answer["intensities"]),
        cue=answer["cue"],
        cue_intervals=tuple((float(b), float(e)) for b, e in answer["cue_intervals"]),
    )


# ---- the baseline --------------------------------------------------------------------------------


def ask_model(
    materials: Materials, settings: ServerSettings, sleep: Callable[[float], None] = time.sleep
) -> tuple[list[LabelPrediction], dict[str, Any]]:
    """Ask about every clip; what was answered before is not asked again.

    A refusal, and an answer that stays unreadable, are written down as ``refused`` (wrong in every task)
    and counted apart.

    Args:
        materials: Clips, videos and captions, and a cache.
        settings: The server and how it is asked.
        sleep: Waits some seconds.

    Returns:
        The predictions, and counts, tokens and cost as plain JSON.
    """
    folder = materials.folder("answers")
    nothing: Sequence[None] = [None] * len(materials.data.clips)
    videos: Sequence[Path | None] = nothing if settings.inputs == "caption" else materials.videos()
    captions: Sequence[str | None] = nothing if settings.inputs == "video" else materials.captions()
    tally = Tally()
    server = ChatServer(settings, tally, sleep)
    predictions = []
    for done, (clip, video, caption) in enumerate(zip(materials.data.clips, videos, captions, strict=True)):
        materials.progress("clips", done, len(videos))
        lacks = (video is None and settings.inputs != "caption") or (
            caption is None and settings.inputs != "video"
        )
        if lacks:
            tally.no_input += 1
            predictions.append(refused(clip.video_name))
            continue
        shown = [] if video is None else frames_at(video, settings.rate, settings.most_frames, settings.side)
        predictions.append(
            _answer(clip, request_body(settings, shown, caption), settings, server, folder, tally)
        )
    facts = {
        "server": settings.url,
        "model": settings.model,
        "inputs": settings.inputs,
        "frames_per_second": settings.rate,
        "most_frames": settings.most_frames,
        "structure": settings.structure,
        "clips": {
            name: getattr(tally, name) for name in ("asked", "kept", "refused", "unusable", "no_input")
        },
        "retried": tally.retried,
        "tokens": {
            "sent": tally.tokens_in,
            "received": tally.tokens_out,
            "answers_not_counted": tally.uncounted,
        },
        "cost": tally.cost(settings),
        "problems": tally.problems,
    }
    return predictions, facts


def _answer(
    clip: EmoSignClip,
    body: Mapping[str, Any],
    settings: ServerSettings,
    server: ChatServer,
    folder: Path,
    tally: Tally,
) -> LabelPrediction:
    # The same name may be another model on another server.
    path = folder / f"{digest_of({'url': settings.url, 'body': body})}.json"
    found, answer = _kept(path)
    if found:
        tally.kept += 1
    else:
        try:
            answer = server.ask(body, parse_answer)
        except Unusable as error:
            tally.unusable += 1
            tally.problems[clip.video_name] = str(error)
            return refused(clip.video_name)
        tally.asked += 1
        with whole_file(path) as part:
            part.write_text(json.dumps({"answer": answer}, ensure_ascii=False) + "\n", encoding="utf-8")
    tally.refused += answer is None
    return prediction_of_answer(clip.video_name, answer)


def _kept(path: Path) -> tuple[bool, dict[str, Any] | None]:
    """Whether an answer was kept, and it; a damaged one counts as none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        answer = document["answer"]
        return True, None if answer is None else parse_answer(json.dumps(answer))
    except (OSError, ValueError, KeyError, TypeError, Unusable):
        return False, None
