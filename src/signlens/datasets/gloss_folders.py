"""Clips in a folder per gloss, with or without a folder per split above."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from signlens.datasets.clip_files import POSE_FORMS, ClipFiles
from signlens.datasets.labels import LabelledClip, Labels, split_name
from signlens.errors import InputRejected, UsageError

KIND = "gloss-folders"


def read_gloss_folders(folder: Path, signer_pattern: str = "") -> Labels:
    """The clips of ``GLOSS/clip.*`` or ``SPLIT/GLOSS/clip.*``.

    Args:
        folder: The folder. Its folders are splits where all are called train, val, test or the like.
        signer_pattern: A regular expression, searched for in each file's name, that gives who signs: its
            first group, or all of it where it has none.

    Returns:
        The labels, classes in alphabetical order; clips are named by their path, without ending.
    """
    try:
        pattern = re.compile(signer_pattern) if signer_pattern else None
    except re.error as error:
        raise UsageError("--signer-pattern", f"it is no regular expression ({error})", "correct it") from None
    keys = sorted({file.key for file in ClipFiles([folder], ("video", *POSE_FORMS))})
    if not keys:
        raise InputRejected(folder, "there is no video and no poses in it", "name a folder with clips")
    with_splits = all(split_name(PurePosixPath(key).parts[0]) for key in keys)
    clips = []
    for key in keys:
        parts = PurePosixPath(key).parts
        split = split_name(parts[0]) if with_splits else ""
        inner = parts[1:] if with_splits else parts
        if len(inner) < 2:
            raise InputRejected(
                folder / key, "this clip does not lie in a folder of its gloss", "put it in one"
            )
        match = pattern.search(parts[-1]) if pattern else None
        signer = (match[1] if pattern and pattern.groups else match[0]) or "" if match else ""
        clips.append(LabelledClip(key, inner[0], signer, split, files=(key,)))
    glosses = tuple(sorted({clip.gloss for clip in clips}))
    return Labels(KIND, glosses, tuple(clips), ())
