"""A server of this test that speaks the OpenAI chat API, well and badly."""

import base64
import json
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest
from made_up import write_made_up
from media import write_video

from signlens.emosign.annotations import EMOTIONS, load_emosign
from signlens.emosign.tasks import EMOTION_CLASSES, REFUSED
from signlens.errors import InputRejected, PartMissing, UsageError
from signlens_studies.emosign.baselines import chat, multimodal
from signlens_studies.emosign.baselines.frames import frames_at
from signlens_studies.emosign.baselines.materials import Materials

KEY = "sk-a-key-of-this-test"
GOOD = {
    "sentiment": 2,
    "intensities": dict.fromkeys(EMOTIONS, 0) | {"joy": 2},
    "emotion": "happiness",
    "cue": "A broad smile.",
    "cue_intervals": [[0.2, 0.6]],
}


def completion(content=None, *, finish="stop", refusal=None, usage=True):
    """The document of a chat completion."""
    text = json.dumps(GOOD) if content is None else content
    document = {
        "choices": [
            {"message": {"role": "assistant", "content": text, "refusal": refusal}, "finish_reason": finish}
        ]
    }
    return document | ({"usage": {"prompt_tokens": 100, "completion_tokens": 20}} if usage else {})


class Server:
    """Answers with what stands in `script`, one after the other, the last one for ever."""

    def __init__(self):
        self.script, self.requests, self.headers = [completion()], [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append(json.loads(body))
                outer.headers.append((self.path, dict(self.headers)))
                answer = outer.script.pop(0) if len(outer.script) > 1 else outer.script[0]
                if callable(answer):
                    answer(self)
                    return
                self.reply(200, json.dumps(answer).encode())

            def reply(self, code, data, length=None, headers=()):
                self.send_response(code)
                self.send_header("Content-Length", str(len(data) if length is None else length))
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


def code(number, text="", headers=()):
    return lambda handler: handler.reply(number, text.encode(), headers=headers)


def cut_short(handler):
    """Half an answer, then the connection closes."""
    data = json.dumps(completion()).encode()
    handler.reply(200, data[: len(data) // 2], length=len(data))


def drip(handler):
    """A byte every so often, for longer than anybody waits."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


@pytest.fixture
def server():
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture(scope="module")
def all_clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emosign")
    return load_emosign(write_made_up(folder), captions=folder / "captions.csv")


@pytest.fixture
def ask(server, all_clips, tmp_path, monkeypatch):
    """Asks about the first few clips; returns predictions, facts and the pauses that were made."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def run(clips=1, cache=tmp_path, **settings):
        pauses = []
        data = replace(all_clips, clips=all_clips.clips[:clips])
        given = {"inputs": "caption", "retries": 2, "timeout_s": 5.0} | settings
        wanted = chat.ServerSettings(server.url, "model-of-this-test", **given)
        return *multimodal.ask_model(Materials(data, cache=cache), wanted, pauses.append), pauses

    return run


def test_a_good_answer_and_what_was_asked(server, ask, all_clips):
    (said,), facts, _ = ask(price_in=5.0, price_out=20.0)
    assert (said.sentiment, said.emotion, said.cue) == ("2", "happiness", "A broad smile.")
    assert said.intensities["joy"] == 2
    assert said.cue_intervals == ((0.2, 0.6),)
    path, headers = server.headers[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    body = server.requests[0]
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["emotion"]["enum"] == list(EMOTION_CLASSES)
    assert schema["additionalProperties"] is False
    texts = [part["text"] for part in body["messages"][1]["content"]]
    assert any(all_clips.clips[0].caption in text for text in texts)
    assert facts["clips"]["asked"] == 1
    assert facts["cost"] == pytest.approx((100 * 5 + 20 * 20) / 1e6)
    assert KEY not in json.dumps(facts)


def test_answers_are_kept_and_a_stopped_run_goes_on(server, ask, tmp_path):
    server.script = [completion(), completion(), code(400, "no such model")]
    with pytest.raises(PartMissing, match="no such model"):
        ask(clips=4)
    assert len(server.requests) == 3
    server.script = [completion()]
    said, facts, _ = ask(clips=4)
    assert len(server.requests) == 5  # the two that were missing
    assert (facts["clips"]["kept"], facts["clips"]["asked"]) == (2, 2)
    assert len(said) == 4
    assert ask(clips=4)[0] == said
    assert len(server.requests) == 5
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and KEY.encode() in p.read_bytes()]
    kept = sorted((tmp_path / "answers").iterdir())
    kept[0].write_text("{")
    ask(clips=4)
    assert len(server.requests) == 6  # a damaged one is asked again
    ask(clips=4, temperature=0.5)
    assert len(server.requests) == 10  # another request is another answer


@pytest.mark.parametrize(
    "refusal", [completion(refusal="I cannot judge people."), completion("", finish="content_filter")]
)
def test_refusals_are_counted_and_not_asked_again(server, ask, refusal):
    server.script = [refusal]
    (said,), facts, _ = ask()
    assert said.emotion == said.sentiment == REFUSED
    assert (facts["clips"]["refused"], facts["clips"]["unusable"]) == (1, 0)
    assert ask()[1]["clips"] == {"asked": 0, "kept": 1, "refused": 1, "unusable": 0, "no_input": 0}
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (completion("I think she is happy."), "no JSON object"),
        (completion(json.dumps(GOOD)[:-20]), "JSON"),
        (completion(json.dumps(GOOD), finish="length"), "cut off"),
        (completion(json.dumps(GOOD | {"sentiment": 7})), "sentiment is 7"),
        (completion(json.dumps(GOOD | {"sentiment": True})), "sentiment"),
        (completion(json.dumps(GOOD | {"emotion": "envy"})), 'emotion is "envy"'),
        (completion(json.dumps(GOOD | {"intensities": {"joy": 1}})), "exactly joy"),
        (completion(json.dumps(GOOD | {"intensities": GOOD["intensities"] | {"fear": 1.5}})), "fear"),
        ({"choices": []}, "no JSON object"),
    ],
)
def test_an_unreadable_answer_is_asked_again_with_what_was_wrong(server, ask, bad, told):
    server.script = [bad, completion()]
    (said,), facts, pauses = ask()
    assert said.emotion == "happiness"
    assert facts["retried"] == 1
    assert pauses == []
    assert told in server.requests[1]["messages"][-1]["content"]


def test_an_answer_that_stays_unreadable_is_counted_apart_and_asked_in_the_next_run(server, ask, all_clips):
    server.script = [completion("happy")]
    (said,), facts, _ = ask()
    assert said.emotion == REFUSED
    assert (facts["clips"]["refused"], facts["clips"]["unusable"]) == (0, 1)
    assert all_clips.clips[0].video_name in facts["problems"]
    assert len(server.requests) == 3
    server.script = [completion()]
    assert ask()[0][0].emotion == "happiness"


def test_words_around_the_object_and_odd_times_are_let_pass(server, ask):
    odd = GOOD | {"cue_intervals": [[0.5, 0.1], "x", [1, 2]], "sentiment": 2.0}
    server.script = [completion(f"```json\n{json.dumps(odd)}\n```", usage=False)]
    (said,), facts, _ = ask()
    assert said.cue_intervals == ((1.0, 2.0),)
    assert facts["tokens"]["answers_not_counted"] == 1
    assert facts["cost"] is None


@pytest.mark.parametrize(
    "trouble", [code(503), code(500, "oh"), cut_short, code(200, "not json"), code(200, "[1]")]
)
def test_trouble_that_may_pass_is_waited_out(server, ask, trouble):
    server.script = [trouble, trouble, completion()]
    (said,), facts, pauses = ask(backoff_s=0.5)
    assert said.emotion == "happiness"
    assert facts["retried"] == 2
    assert 0.35 < pauses[0] < 0.65 < 0.7 < pauses[1] < 1.3


def test_the_server_says_how_long_to_wait(server, ask):
    server.script = [code(429, "slow down", [("Retry-After", "7")]), completion()]
    assert ask()[2] == [7.0]
    server.script = [code(429, "", [("Retry-After", "99999")]), completion()]
    assert ask(temperature=0.1)[2] == [60.0]


def test_a_slow_answer_is_given_up(server, ask):
    server.script = [drip]
    started = time.monotonic()
    with pytest.raises(PartMissing, match=r"2 requests.*took longer|2 requests.*timed out"):
        ask(timeout_s=0.3, retries=1)
    assert time.monotonic() - started < 4


def test_a_request_that_is_not_accepted_stops_at_once_without_the_key(server, ask):
    server.script = [code(401, f"the key {KEY} is wrong")]
    with pytest.raises(PartMissing) as caught:
        ask()
    assert "401" in str(caught.value)
    assert KEY not in str(caught.value)
    assert len(server.requests) == 1


def test_redirects_are_not_followed(server, ask):
    server.script = [code(302, "", [("Location", "http://127.0.0.1:9/elsewhere")])]
    with pytest.raises(PartMissing, match="302"):
        ask()
    assert len(server.requests) == 1


def test_no_server(all_clips, tmp_path):
    settings = chat.ServerSettings("http://127.0.0.1:9/v1", "m", inputs="caption", retries=1)
    with pytest.raises(PartMissing, match="does not answer after 2 requests"):
        multimodal.ask_model(Materials(all_clips, cache=tmp_path), settings, lambda _: None)


def test_nothing_leaves_this_machine_unasked(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(UsageError, match="--allow-upload"):
        chat.ServerSettings("https://api.example.com/v1", "m")
    chat.ServerSettings("https://api.example.com/v1", "m", allow_upload=True)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(UsageError, match="unencrypted"):
        chat.ServerSettings("http://api.example.com/v1", "m", allow_upload=True)
    for wrong in ("ftp://localhost", "localhost:8000", f"http://user:{KEY}@localhost/v1"):
        with pytest.raises(UsageError) as caught:
            chat.ServerSettings(wrong, "m")
        assert KEY not in str(caught.value)
    assert [chat.is_local(h) for h in ("localhost", "127.0.0.5", "::1", "10.0.0.1")] == [True] * 3 + [False]


def test_frames_go_with_their_times(server, ask, all_clips, tmp_path, monkeypatch):
    clip = replace(all_clips.clips[0], video=write_video(tmp_path / "a.mp4", frames=30, rate=30))
    data = replace(all_clips, clips=(clip, replace(clip, video_name="other", video=None)))
    settings = chat.ServerSettings(server.url, "m", rate=4, side=48, structure="object", retries=0)
    with pytest.raises(InputRejected, match="other"):
        multimodal.ask_model(Materials(data, cache=tmp_path), settings)
    said, facts = multimodal.ask_model(Materials(data, cache=tmp_path, allow_missing=True), settings)
    assert (facts["clips"]["asked"], facts["clips"]["no_input"]) == (1, 1)
    assert said[1].emotion == REFUSED
    body = server.requests[0]
    assert body["response_format"] == {"type": "json_object"}
    content = body["messages"][1]["content"]
    pictures = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    times = [part["text"] for part in content if part["type"] == "text" and part["text"].endswith(" s")]
    assert times == ["0.00 s", "0.27 s", "0.50 s", "0.77 s"]
    data = base64.b64decode(pictures[0].removeprefix("data:image/jpeg;base64,"))
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert picture.shape == (32, 48, 3)
    assert picture[4, 4].argmax() == 0  # red is at the top left
    assert clip.caption not in json.dumps(content)
    assert not list(tmp_path.rglob("*.jpg"))


def test_too_many_frames_are_thinned_evenly(tmp_path):
    video = write_video(tmp_path / "a.mp4", frames=60, rate=30)
    assert [round(f.t_s * 30) for f in frames_at(video, 10, 100, 64)] == list(range(0, 60, 3))
    assert [round(f.t_s * 30) for f in frames_at(video, 10, 12, 64)] == list(range(0, 60, 6))
    assert [round(f.t_s * 30) for f in frames_at(video, 10, 1, 64)] == [0]
    assert len(frames_at(video, 1000, 60, 64)) == 60
    with pytest.raises(UsageError):
        frames_at(video, 0, 4, 64)
