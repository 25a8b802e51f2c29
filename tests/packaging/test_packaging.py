"""Packaging: the lock files say exactly what is installed, and the repository names no machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from places import ROOT


def pins(name: str) -> dict[str, str]:
    """Package -> exact version in a lock file."""
    found: dict[str, str] = {}
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        requirement = Requirement(line)
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        package = canonicalize_name(requirement.name)
        assert package not in found
        found[package] = specifier.version
    return found


def declared(*extras: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"]) if not extras else []
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def test_core_lock_has_every_declared_dependency_in_a_fitting_version() -> None:
    locked = pins("core.lock")
    for requirement in declared():
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)])


def test_dev_lock_adds_the_extras_and_nothing_that_core_has() -> None:
    core, dev = pins("core.lock"), pins("dev.lock")
    assert not set(core) & set(dev)
    dev |= pins("dev-alone.lock")
    for requirement in declared(
        "train", "signer", "plots", "emotion", "ann", "service", "studies", "elan", "dev"
    ):
        assert requirement.specifier.contains((core | dev)[canonicalize_name(requirement.name)])


def test_core_stays_small() -> None:
    assert not set(pins("core.lock")) & {
        "torch",
        "jax",
        "jaxlib",
        "matplotlib",
        "scipy",
        "opencv-contrib-python",
    }


def test_the_extras_match_those_that_errors_name() -> None:
    """`require_extra("train", ...)` must name an extra that exists."""
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    for path in (ROOT / "src").rglob("*.py"):
        for name in re.findall(r'require_extra\(\s*"(\w+)"', path.read_text()):
            assert name in extras, path


def test_tracked_files_name_no_registry_and_no_folder_of_ours() -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    forbidden = re.compile(
        r"(?<![\w.])/(root|work|mnt)/\w|index-url *=|https?://[^ ]*(pypi|/simple\b)", re.IGNORECASE
    )
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path == Path(__file__) or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found = forbidden.search(text)
        assert found is None, f"{name}: {found[0]}"
