"""The command line: verbs only, a file each, that parse, call and print (contract: docs/command-line.md).

Results go to standard output: one JSON document with ``--json``, text for people without. Progress,
warnings and errors go to standard error. Exit codes: 0 answered (also degraded), 1 a defect of
SignLens, 2 wrong usage, 3 an input was rejected, 4 a part is missing, 130 interrupted.

Rooms are imported inside the verbs, so that each starts with what it needs.
"""

# Importing a verb's file adds it to the application; `--help` lists verbs in this order.
from signlens.cli import recognize  # isort: skip
from signlens.cli import extract  # isort: skip
from signlens.cli import search  # isort: skip
from signlens.cli import gallery_verbs as gallery

from signlens.cli import dataset, dataset_import  # isort: skip
from signlens.cli import train  # isort: skip
from signlens.cli import evaluate  # isort: skip
from signlens.cli import emosign  # isort: skip
from signlens.cli import doctor  # isort: skip
from signlens.cli import rotate  # isort: skip
from signlens.cli import signer  # isort: skip
from signlens.cli.shared import app

__all__ = [
    "app",
    "dataset",
    "dataset_import",
    "doctor",
    "emosign",
    "evaluate",
    "extract",
    "gallery",
    "main",
    "recognize",
    "rotate",
    "search",
    "signer",
    "train",
]


def main() -> None:
    """The entry point of the command ``signlens``."""
    app()
