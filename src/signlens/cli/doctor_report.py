"""What is installed, which models are present, what is missing and how to get it.

`examine` looks and changes nothing; ``signlens doctor`` prints what it finds.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

from signlens.errors import SignLensError

Part = Literal["python", "package", "model", "extra", "camera"]
State = Literal["ok", "missing", "broken", "absent"]

# Each has native code: importing it shows whether the shared libraries that it needs are there.
_IMPORTED_AS = {
    "numpy": "numpy",
    "av": "av",
    "opencv": "cv2",
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "onnxruntime": "onnxruntime",
    "safetensors": "safetensors",
    "pose-format": "pose_format",
    "typer": "typer",
    "rich": "rich",
    "jinja2": "jinja2",
}
_OPENCV_BUILDS = ("opencv-python-headless", "opencv-contrib-python", "opencv-python")
_DEBIAN_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libstdc++.so.6": "libstdc++6",
    "libgomp.so.1": "libgomp1",
    "libz.so.1": "zlib1g",
}
# What ships: where to look in the package, and which files it is made of.
_SHIPPED = {
    "recogniser": ("models", ("*.onnx",)),
    "gallery of similar signs": ("models", ("gallery*.safetensors", "gallery*.npz")),
    "expression head": ("emotion", ("*.npz", "*.onnx", "*.safetensors")),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        part: What kind of thing it is.
        name: Its name.
        state: ``ok``; ``missing`` or ``broken``, which keeps the main job from working; ``absent``,
            which does not (an extra, a camera).
        detail: Version, hash or what is wrong.
        remedy: What to do about it; empty when there is nothing to do.
    """

    part: Part
    name: str
    state: State
    detail: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Plain types only."""
        return asdict(self)


@dataclass(frozen=True)
class DoctorReport:
    """Everything that was looked at, in the order in which a person would ask."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether the main job can work: nothing that it needs is missing or broken."""
        return not any(f.state in ("missing", "broken") for f in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The JSON document of ``signlens doctor --json``."""
        return {
            "healthy": self.healthy,
            "version": _version("signlens") or "",
            "findings": [f.to_json() for f in self.findings],
        }


def examine() -> DoctorReport:
    """Look at the interpreter, the packages, the models, the extras and the cameras."""
    return DoctorReport(
        (
            _python(),
            *(_package(name, module) for name, module in _IMPORTED_AS.items()),
            *_pose_networks(),
            *(f for name, place in _SHIPPED.items() for f in _shipped_weights(name, *place)),
            *_emotion_providers(),
            *_extras(),
            _cameras(Path("/dev")),
        )
    )


def _python() -> Finding:
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if (3, 11) <= sys.version_info[:2] < (3, 13):
        return Finding("python", "Python", "ok", detail)
    return Finding("python", "Python", "broken", detail, "use Python 3.11 or 3.12")


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _package(name: str, module: str) -> Finding:
    """Whether a package can be imported, and if not, what it lacks."""
    builds = _OPENCV_BUILDS if name == "opencv" else (name,)
    found = [f"{_version(b)} ({b})" if name == "opencv" else str(_version(b)) for b in builds if _version(b)]
    try:
        importlib.import_module(module)
    except ImportError as error:
        library = re.search(r"(lib[\w+.-]+\.so[\d.]*)", str(error))
        if library:
            package = _DEBIAN_PACKAGES.get(library[1], f"the package that has {library[1]}")
            remedy = f"apt-get install {package}"
            return Finding("package", name, "broken", f"the shared library {library[1]} is missing", remedy)
        remedy = f"pip install {_OPENCV_BUILDS[0] if name == 'opencv' else name}"
        return Finding("package", name, "missing", str(error).splitlines()[0], remedy)
    if len(found) > 1:
        remedy = f"pip uninstall {' '.join(_OPENCV_BUILDS)}, then pip install {_OPENCV_BUILDS[0]}"
        return Finding(
            "package", name, "ok", f"several builds overwrite one another: {', '.join(found)}", remedy
        )
    return Finding("package", name, "ok", found[0] if found else "present")


def _pose_networks() -> Iterator[Finding]:
    """MediaPipe's networks, as the pose extractor finds them."""
    from signlens.pose.networks import NETWORK_FILES, mediapipe_version, network_path

    try:
        version = mediapipe_version()
    except SignLensError as error:
        yield Finding("model", "pose networks", "missing", error.problem, error.remedy)
        return
    for name in NETWORK_FILES:
        try:
            digest = hashlib.sha256(network_path(name).read_bytes()).hexdigest()
        except SignLensError as error:
            yield Finding("model", Path(name).name, "missing", error.problem, error.remedy)
        else:
            yield Finding("model", Path(name).name, "ok", f"mediapipe {version}, SHA-256 {digest[:12]}")


def _shipped_weights(name: str, room: str, patterns: tuple[str, ...]) -> Iterator[Finding]:
    """Weights in a room of the package; each must have the hash that its description names."""
    folder = Path(__file__).parents[1] / room
    files = sorted(path for pattern in patterns for path in folder.rglob(pattern))
    if not files:
        remedy = "install signlens again in full"
        yield Finding("model", name, "missing", f"there are no weights under signlens/{room}", remedy)
    for path in files:
        yield check_weights(path, f"{name}: {path.relative_to(folder)}")


def check_weights(path: Path, name: str) -> Finding:
    """Compare a weights file with the SHA-256 that a JSON description beside it names."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    described = False
    for description in sorted(path.parent.glob("*.json")):
        try:
            known = set(_hashes(json.loads(description.read_text(encoding="utf-8"))))
        except (OSError, ValueError):
            continue
        described = described or bool(known)
        if digest in known:
            return Finding("model", name, "ok", f"SHA-256 {digest[:12]} as {description.name} says")
    detail = "no description beside it names this file's SHA-256" if described else "nothing describes it"
    return Finding("model", name, "broken", detail, "the file was changed or damaged: install signlens again")


def _hashes(value: Any) -> Iterator[str]:
    """Every SHA-256 (hex) in a JSON document."""
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _hashes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _hashes(inner)


def _emotion_providers() -> Iterator[Finding]:
    """The emotion providers that do not ship; the shipped one is the expression head above."""
    from signlens.emotion.emotiefflib import DEFAULT_MODEL, FETCH, MODELS, checked_model, model_folder

    dan = "emotion provider dan"
    if _version("torch") is None:
        yield Finding("model", dan, "absent", "lacks torch", "pip install 'signlens[train]'")
    else:
        detail = "reads the checkpoint that --emotion-model names; none ships"
        yield Finding("model", dan, "ok", detail)
    name = "emotion provider emotiefflib"
    lacking = [p for p in ("emotiefflib", "onnx") if _version(p) is None]
    if lacking:
        remedy = "pip install 'signlens[emotion]'"
        yield Finding("model", name, "absent", f"lacks {', '.join(lacking)}", remedy)
        return
    found, wrong = [], []
    for model in MODELS:
        try:
            checked_model(model_folder() / f"{model}.onnx", model)
        except SignLensError:
            if (model_folder() / f"{model}.onnx").exists():
                wrong.append(model)
        else:
            found.append(model)
    remedy = f"{FETCH} {DEFAULT_MODEL}"
    if wrong:
        yield Finding("model", name, "absent", f"not the pinned files: {', '.join(wrong)}", remedy)
    elif found:
        yield Finding("model", name, "ok", f"models: {', '.join(found)}")
    else:
        yield Finding("model", name, "absent", "no model has been fetched", remedy)


def _extras() -> Iterator[Finding]:
    """The optional dependencies that the package declares, extra by extra."""
    try:
        metadata = importlib.metadata.metadata("signlens")
    except importlib.metadata.PackageNotFoundError:
        return
    requirements = [Requirement(r) for r in metadata.get_all("Requires-Dist") or ()]
    for extra in metadata.get_all("Provides-Extra") or ():
        wanted = [r for r in requirements if r.marker and r.marker.evaluate({"extra": extra})]
        lacking = []
        for requirement in wanted:
            version = _version(requirement.name)
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                lacking.append(
                    str(requirement.name) if version is None else f"{requirement.name} (has {version})"
                )
        if lacking:
            remedy = f"pip install 'signlens[{extra}]'"
            yield Finding("extra", extra, "absent", f"lacks {', '.join(lacking)}", remedy)
        else:
            yield Finding("extra", extra, "ok", ", ".join(f"{r.name} {_version(r.name)}" for r in wanted))


def _cameras(devices: Path) -> Finding:
    found = sorted(p.name.removeprefix("video") for p in devices.glob("video[0-9]*"))
    if found:
        return Finding("camera", "camera", "ok", ", ".join(f"camera:{n}" for n in found))
    return Finding("camera", "camera", "absent", "there is none", "files are read without one")
