"""The one exception family and its exit codes.

Every message names the file (or the option), says what was wrong and what to do.
The command line turns each class into its exit code; a user never sees a traceback
for bad input.
"""

from __future__ import annotations

from pathlib import Path


class SignLensError(Exception):
    """Base of everything that SignLens raises on purpose.

    Args:
        subject: The file, option or part that the message is about.
        problem: What was wrong with it.
        remedy: What the reader can do about it.

    Attributes:
        exit_code: Of the command line.
        code: Of the reason for which a clip is rejected (`signlens.reasons.CODES`).
    """

    exit_code = 1
    code = "defect"

    def __init__(self, subject: str | Path, problem: str, remedy: str = "") -> None:
        self.subject = str(subject)
        self.problem = problem
        self.remedy = remedy
        super().__init__(self._text())

    def _text(self) -> str:
        text = f"{self.subject}: {self.problem}"
        return f"{text}; {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        """Rebuild from the parts, so that errors cross process borders whole."""
        return (type(self), (self.subject, self.problem, self.remedy))


class UsageError(SignLensError):
    """The command or the call was used wrongly (exit code 2)."""

    exit_code = 2
    code = "wrong_usage"


class InputRejected(SignLensError):
    """The input cannot be answered: unreadable, empty, too large, no person (exit code 3)."""

    exit_code = 3
    code = "input_rejected"


class PartMissing(SignLensError):
    """A model or an optional dependency is not there (exit code 4)."""

    exit_code = 4
    code = "part_missing"
