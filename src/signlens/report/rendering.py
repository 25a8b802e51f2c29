"""Templates to one self-contained HTML file, and the file to its place."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

import signlens
from signlens.errors import UsageError
from signlens.files import whole_file, write_errors


def _inline(text: str) -> tuple[Markup, str]:
    """A style sheet or script to put inside the page, and its hash for the content policy."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return Markup(text), f"'sha256-{digest}'"


def render(
    template: str, script_name: str = "report.js", package: str = "signlens.report", **context: Any
) -> str:
    """A page of this folder's templates, with the style sheet and a script inside it.

    Args:
        template: Name of the template.
        script_name: Name of the script.
        package: Whose templates, before those of this room.
        context: What the template shows.
    """
    loader = jinja2.ChoiceLoader(
        [jinja2.PackageLoader(name, "templates") for name in dict.fromkeys((package, "signlens.report"))]
    )
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    style, style_hash = _inline(loader.get_source(environment, "report.css")[0])
    script, script_hash = _inline(loader.get_source(environment, script_name)[0])
    return environment.get_template(template).render(
        style=style,
        style_hash=style_hash,
        script=script,
        script_hash=script_hash,
        version=signlens.__version__,
        **context,
    )


def write_page(destination: Path, html: str) -> Path:
    """Write a page in one step, so that a reader never sees half of one.

    Raises:
        UsageError: The page cannot be written there.
    """
    destination = Path(destination)
    # A file name may hold bytes that are no text; they must not cost the page.
    content = html.encode("utf-8", errors="replace")
    with write_errors(destination, "name a place you may write to", "the report cannot be written"):
        if destination.is_dir():
            raise UsageError(destination, "is a folder", "name the HTML file to write")
        destination.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(destination) as part:
            part.write_bytes(content)
    return destination
