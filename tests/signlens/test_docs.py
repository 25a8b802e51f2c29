"""The Markdown pages: commands fit the real command line, links lead somewhere, users' docs stay short."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from places import ROOT
from typer.main import get_command

from signlens.cli import app as signlens
from signlens_studies.__main__ import app as studies

PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "src/**/*.md", "examples/**/*.md", "benchmarks/**/*.md")
    for page in ROOT.glob(pattern)
    if page.name != "CHANGELOG.md"  # it also names what is gone
)
MOST_WORDS = 15_000
SIGNLENS, STUDIES = "signlens ", "python -m signlens_studies "


class Line(NamedTuple):
    """A command in a page; `whole` where it stands in a block of code, so that all it needs must be there."""

    page: Path
    text: str
    whole: bool


def commands(page: Path) -> list[Line]:
    """The commands that a page holds."""
    text = page.read_text(encoding="utf-8")
    fence = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", flags=re.S | re.M)
    blocks = fence.findall(text)
    prose = fence.sub("", text)
    blocks += re.findall(r"(?:^    \S.*\n)+", prose, flags=re.M)
    lines = [(line, True) for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    lines += [(" ".join(code.split()), False) for code in re.findall(r"`([^`|]+)`", prose)]
    stripped = [(line.strip(), whole) for line, whole in lines]
    return [Line(page, line, whole) for line, whole in stripped if line.startswith((SIGNLENS, STUDIES))]


def fits(line: Line) -> None:
    """Find the verb and let its options be parsed; nothing is run, and files need not exist."""
    words = shlex.split(re.split(r" [>|] ", line.text)[0], comments=True)
    start = 1 if line.text.startswith(SIGNLENS) else 3
    command: Any = get_command(signlens if start == 1 else studies)
    name, words = " ".join(words[:start]), words[start:]
    context = command.context_class(command, info_name=name)
    while hasattr(command, "get_command"):
        while words and words[0] in ("--debug", "--version"):
            words = words[1:]
        if not words or words[0] in ("--help", "VERB", "NAME", "SUBJECT", "..."):
            return
        verb, words = words[0], words[1:]
        command = command.get_command(context, verb)
        assert command is not None, f"{name} has no {verb}"
        name = f"{name} {verb}"
        context = command.context_class(command, info_name=verb, parent=context)
    if line.whole and "--help" not in words and "..." not in line.text:
        command.make_context(context.info_name, words, parent=context.parent)
        return
    options = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    unknown = [word for word in words if word.startswith("--") and word not in (*options, "--help")]
    assert not unknown, f"{name} has no {', '.join(unknown)}"


LINES = list({line[1:]: line for page in PAGES for line in commands(page)}.values())


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.page.relative_to(ROOT)}: {line.text[:60]}")
def test_every_command_in_the_pages_fits_the_command_line(line: Line) -> None:
    try:
        fits(line)
    except Exception as error:  # of click, which typer carries along under a name of its own
        pytest.fail(f"{line.page.relative_to(ROOT)}: {line.text}: {getattr(error, 'message', error)}")


def test_the_pages_hold_commands() -> None:
    assert len(LINES) > 60


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_python_examples_import_is_there(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("signlens"):
                module = importlib.import_module(str(node.module))
                for name in node.names:
                    assert hasattr(module, name.name), f"{page.name}: {node.module} has no {name.name}"


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        module = ".".join(parts[:end])
        if importlib.util.find_spec(module.partition(".")[0]) is None:
            return False
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_and_functions_that_pages_name_are_there(page: Path) -> None:
    names = re.findall(r"`(signlens(?:_studies)?(?:\.\w+)+)`", page.read_text(encoding="utf-8"))
    gone = [name for name in dict.fromkeys(names) if name != "signlens.commands" and not is_there(name)]
    assert not gone, f"{page.relative_to(ROOT)} names {', '.join(gone)}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    headings = [
        re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", h) for h in re.findall(r"^#+ (.+)$", text, flags=re.M)
    ]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_pictures_and_experiments_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.S)):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(there), f"{page.name} links to {target}"
    for name in re.findall(r"src/signlens[\w/.-]*\.(?:toml|py|md)\b", text):
        assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_the_docs_for_users_stay_short() -> None:
    words = sum(len(page.read_text(encoding="utf-8").split()) for page in (ROOT / "docs").glob("**/*.md"))
    assert words <= MOST_WORDS, f"docs/ has {words} words: lab reports belong to the studies' READMEs"
