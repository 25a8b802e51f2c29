"""The command of the studies: every subject is there, and is imported only when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from study_commands import study
from typer.main import get_command

from signlens_studies.__main__ import SUBJECTS, app


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_has_verbs_that_say_what_they_do(subject: str, capsys) -> None:
    group = get_command(app).get_command(None, subject)  # type: ignore[attr-defined, arg-type]
    assert group.commands
    for name, command in group.commands.items():
        assert command.help, f"{subject} {name} does not say what it does"


def test_help_lists_the_subjects_and_loads_no_study(capsys) -> None:
    code = (
        "import sys; from signlens_studies.__main__ import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'scipy', 'sklearn', 'matplotlib', 'mediapipe', 'cv2'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for subject in SUBJECTS:
        assert subject in done.stdout


def test_an_unknown_subject_is_wrong_usage(capsys) -> None:
    assert study("weather", "today") == 2
    assert "weather" in capsys.readouterr().err
