"""A client for any server that speaks the OpenAI chat API: asks again where that can help, counts tokens.

The API key comes from the environment, goes into one header of the server that was named, and nowhere else.
A server that is not on this machine must be allowed explicitly.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from signlens.errors import PartMissing, UsageError

INPUTS = ("video", "both", "caption")
STRUCTURES = ("schema", "object", "none")
KEY_VARIABLE = "OPENAI_API_KEY"
MAX_ANSWER_BYTES = 4 * 2**20
_LONGEST_WAIT_S = 60.0
_TRANSIENT = (408, 409, 425, 429, 500, 502, 503, 504, 529)


@dataclass(frozen=True)
class ServerSettings:
    """The server, the model and how it is asked.

    Attributes:
        url: Base address, up to and including ``/v1``.
        model: Name of the model there.
        inputs: ``video``, ``caption`` or ``both``.
        rate: Frames a second; the paper shows GPT-4o ten.
        most_frames: How many frames of a clip at most.
        side: Pixels of a frame's longer side at most.
        quality: Of the JPEG pictures, 1..100.
        structure: How an answer's form is asked for: ``schema`` (a JSON schema), ``object`` (any JSON),
            ``none`` (in words alone), for servers that know less.
        max_tokens: Longest answer.
        temperature: 0 for the likeliest answer.
        timeout_s: Longest wait for one answer, from the first byte sent to the last received.
        retries: How often a request is sent again, and how often an unreadable answer is asked for again.
        backoff_s: First pause between requests; doubled each time.
        price_in: Currency units for a million tokens sent; None if unknown.
        price_out: The same for tokens received.
        key_variable: Environment variable that holds the API key.
        allow_upload: Send frames to a server that is not on this machine.
    """

    url: str
    model: str
    inputs: str = "video"
    rate: float = 2.0
    most_frames: int = 24
    side: int = 512
    quality: int = 85
    structure: str = "schema"
    max_tokens: int = 800
    temperature: float = 0.0
    timeout_s: float = 120.0
    retries: int = 4
    backoff_s: float = 1.0
    price_in: float | None = None
    price_out: float | None = None
    key_variable: str = KEY_VARIABLE
    allow_upload: bool = False

    def __post_init__(self) -> None:
        """Check what can be checked before anything is sent."""
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise UsageError(
                "--server",
                "is not an address such as http://localhost:8000/v1",
                "keys go into the environment",
            )
        for option, value, known in (
            ("--inputs", self.inputs, INPUTS),
            ("--structure", self.structure, STRUCTURES),
        ):
            if value not in known:
                raise UsageError(option, f"there is no {value!r}", f"choose one of {', '.join(known)}")
        numbers = (self.timeout_s, self.max_tokens, self.side, self.rate, self.most_frames)
        if min(numbers) <= 0 or self.retries < 0 or not 1 <= self.quality <= 100:
            raise UsageError("--server", "a limit of the requests is not above zero", "correct it")
        if not is_local(parts.hostname) and not self.allow_upload:
            raise UsageError(
                "--server",
                f"{parts.hostname} is not this machine, and what is sent shows or quotes a signer",
                "ask who granted you the videos, then say so with --allow-upload",
            )
        if parts.scheme == "http" and not is_local(parts.hostname) and os.environ.get(self.key_variable):
            raise UsageError("--server", "the key would be sent unencrypted", "use an https address")


def is_local(host: str) -> bool:
    """Whether a host is this machine, by its name or address alone."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass
class Tally:
    """What happened over a run.

    Attributes:
        asked: Clips that the server answered now.
        kept: Clips whose answer was there before.
        refused: Clips that the model would not answer.
        unusable: Clips without a readable answer after all retries; asked again in the next run.
        no_input: Clips whose video or caption is missing.
        retried: Requests that were sent again.
        tokens_in: Tokens sent in this run, as the server counts them.
        tokens_out: Tokens received in this run.
        uncounted: Answers whose tokens the server did not count.
    """

    asked: int = 0
    kept: int = 0
    refused: int = 0
    unusable: int = 0
    no_input: int = 0
    retried: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    uncounted: int = 0
    problems: dict[str, str] = field(default_factory=dict)

    def cost(self, settings: ServerSettings) -> float | None:
        """What this run cost, in the prices' currency; None where prices are not known."""
        if settings.price_in is None or settings.price_out is None:
            return None
        return (self.tokens_in * settings.price_in + self.tokens_out * settings.price_out) / 1e6


class Unusable(Exception):
    """An answer that cannot be read; the text says why, in words that the model can be told."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The key is for the server that was named, and for no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


class ChatServer:
    """Sends requests, again where that can help, and reads what comes back.

    Args:
        settings: The server and the limits.
        tally: Where tokens and retries are counted.
        sleep: Waits some seconds.
    """

    def __init__(
        self, settings: ServerSettings, tally: Tally, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._settings, self._tally, self._sleep = settings, tally, sleep
        self._key = os.environ.get(settings.key_variable, "")
        handlers: list[Any] = [_NoRedirects()]
        if is_local(urllib.parse.urlsplit(settings.url).hostname or ""):
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def ask(self, body: Mapping[str, Any], parse: Callable[[str], dict[str, Any]]) -> dict[str, Any] | None:
        """The checked answer to one request; None when the model refuses.

        An answer that cannot be read is asked for again, with what was wrong with it.

        Args:
            body: Of the request.
            parse: Reads an answer; raises `Unusable` where it cannot.
        """
        messages = list(body["messages"])
        problem = ""
        for attempt in range(self._settings.retries + 1):
            if attempt:
                self._tally.retried += 1
            said, refusal, cut = self._message({**body, "messages": messages})
            if refusal:
                return None
            try:
                if cut:
                    raise Unusable("it was cut off before its end")
                return parse(said)
            except Unusable as error:
                problem = str(error)
            again = f"That answer cannot be used: {problem}. Answer again, with the JSON object alone."
            messages = [
                *body["messages"],
                {"role": "assistant", "content": said[:4000]},
                {"role": "user", "content": again},
            ]
        raise Unusable(problem)

    def _message(self, body: Mapping[str, Any]) -> tuple[str, bool, bool]:
        """Text of the answer, whether it refuses, whether it was cut off."""
        document = self._send(body)
        usage = document.get("usage")
        counts = [
            usage.get(k) if isinstance(usage, dict) else None for k in ("prompt_tokens", "completion_tokens")
        ]
        if all(isinstance(c, int) and c >= 0 for c in counts):
            self._tally.tokens_in += counts[0] or 0
            self._tally.tokens_out += counts[1] or 0
        else:
            self._tally.uncounted += 1
        try:
            choice = document["choices"][0]
            message = choice["message"]
            said = message.get("content") or ""
            if isinstance(said, list):
                said = "".join(str(part.get("text", "")) for part in said)
        except (KeyError, IndexError, TypeError, AttributeError):
            return "", False, False
        finish = choice.get("finish_reason")
        return str(said), bool(message.get("refusal")) or finish == "content_filter", finish == "length"

    def _send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The server's document; sent again, after a pause, where the trouble may pass."""
        pause, problem = self._settings.backoff_s, ""
        for attempt in range(self._settings.retries + 1):
            if attempt:
                self._tally.retried += 1
            wait = 0.0
            try:
                return self._send_once(body)
            except urllib.error.HTTPError as error:
                with error:
                    problem = self._words_of(error)
                    if error.code not in _TRANSIENT:
                        raise PartMissing(
                            self._settings.url,
                            f"does not accept the request ({problem})",
                            "check --server, --model, --structure and the key in the environment",
                        ) from None
                    wait = _seconds(error.headers.get("Retry-After"))
            except (OSError, http.client.HTTPException, ValueError) as error:
                problem = self._clean(f"{type(error).__name__}: {error}")
            if attempt < self._settings.retries:
                # Some chance in the pause, so that several clients do not come back together.
                self._sleep(min(max(wait, pause * (0.75 + random.random() / 2)), _LONGEST_WAIT_S))
                pause *= 2
        raise PartMissing(
            self._settings.url,
            f"does not answer after {self._settings.retries + 1} requests ({problem})",
            "start it, and run the same command again: it goes on where it stopped",
        )

    def _send_once(self, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "signlens"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(
            self._settings.url.rstrip("/") + "/chat/completions",
            json.dumps(body, allow_nan=False).encode(),
            headers,
            method="POST",
        )
        deadline = time.monotonic() + self._settings.timeout_s
        with self._opener.open(request, timeout=self._settings.timeout_s) as response:
            parts, size = [], 0
            # read1, so that a server that drips is noticed at the deadline, not at its end.
            while part := response.read1(65536):
                parts.append(part)
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    raise ValueError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the answer took longer than {self._settings.timeout_s:g} s")
            if response.length:
                raise ValueError("the answer ends before its end")
        try:
            document = json.loads(b"".join(parts))
        except RecursionError:
            raise ValueError("the answer is nested too deeply") from None
        if not isinstance(document, dict):
            raise ValueError("the answer is not a JSON object")
        return document

    def _words_of(self, error: urllib.error.HTTPError) -> str:
        try:
            text = error.read(2000).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            text = ""
        return self._clean(f"HTTP {error.code} {text}")

    def _clean(self, text: str) -> str:
        """One short line without the key."""
        text = " ".join(text.split())
        if self._key:
            text = text.replace(self._key, "(key)")
        return text[:300]


def _seconds(text: str | None) -> float:
    try:
        value = float(text or 0)
    except ValueError:  # a date: our own pause will do
        return 0.0
    return value if 0 <= value < 1e6 else 0.0
