import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from made_up import write_csv, write_made_up

from signlens.emosign.annotations import load_emosign
from signlens.emosign.released_labels import download_labels, import_emosign
from signlens.errors import InputRejected, PartMissing, UsageError

REVISION = "0123456789abcdef0123456789abcdef01234567"


def test_an_imported_folder_is_read_as_what_it_was_made_of(tmp_path):
    labels = write_made_up(tmp_path / "released")
    facts = import_emosign(tmp_path / "out", labels, captions=tmp_path / "released" / "captions.csv")
    data, again = load_emosign(labels), load_emosign(tmp_path / "out")
    assert again.identity == data.identity
    assert again.intensity_base == 1
    assert again.made_up
    assert [c.cues for c in again.clips] == [c.cues for c in data.clips]
    assert not again.missing_captions
    assert facts["sha256"] == hashlib.sha256(labels.read_bytes()).hexdigest()
    assert facts["expressions"]["counts"] == {"single": 140, "multi": 37, "left_out": 23}
    assert len(facts["missing_videos"]) == 200
    assert json.loads((tmp_path / "out" / "emosign.json").read_text()) == facts


def test_videos_are_named_and_found_again(tmp_path):
    labels = write_made_up(tmp_path / "released")
    clip = load_emosign(labels).clips[0]
    (tmp_path / "videos").mkdir()
    video = tmp_path / "videos" / f"{clip.utterance}.mp4"
    video.touch()
    facts = import_emosign(tmp_path / "out", labels, videos=tmp_path / "videos")
    assert clip.video_name not in facts["missing_videos"]
    assert load_emosign(tmp_path / "out").clips[0].video == video.resolve()
    video.unlink()
    assert load_emosign(tmp_path / "out").clips[0].video is None


def test_labels_can_be_made_of_raters_alone_or_held_against_them(tmp_path):
    labels = write_made_up(tmp_path / "released")
    raters = [tmp_path / "released" / "raters.csv"]
    alone = import_emosign(tmp_path / "alone", raters=raters)
    assert alone["identity"] == load_emosign(labels).identity
    beside = import_emosign(tmp_path / "beside", labels, raters=raters)
    assert beside["raters"]["labels_compared"] == 200 * 11
    assert beside["raters"]["labels_that_differ"] == 0


def test_the_rule_is_chosen_and_written_down(tmp_path):
    facts = import_emosign(tmp_path / "out", write_made_up(tmp_path), rule="all")
    assert facts["expressions"]["rule"] == "all"
    assert facts["expressions"]["counts"]["multi"] == 60


def test_wrong_requests(tmp_path):
    labels = write_made_up(tmp_path)
    with pytest.raises(UsageError, match="nothing to import"):
        import_emosign(tmp_path / "out")
    with pytest.raises(UsageError, match="one of the two"):
        import_emosign(tmp_path / "out", labels, revision=REVISION)
    with pytest.raises(InputRejected, match="SHA-256"):
        import_emosign(tmp_path / "out", labels, sha256="0" * 64)
    with pytest.raises(UsageError, match="full hash"):
        import_emosign(tmp_path / "out", revision="main")
    skipped = [{"video_name": "a_1", "Sentiment": "", "annotator": "x"}]
    emotions = ("joy", "excited", "surprise_pos", "surprise_neg", "worry", "sadness", "fear", "disgust")
    raters = write_csv(
        tmp_path / "r.csv", [skipped[0] | dict.fromkeys((*emotions, "frustration", "anger"), 0)]
    )
    with pytest.raises(InputRejected, match="no clip with all labels"):
        import_emosign(tmp_path / "out", raters=[raters])


@pytest.fixture
def hub(tmp_path) -> Iterator[ThreadingHTTPServer]:
    """A server on this machine that speaks as much of the Hub's protocol as one file needs."""
    content = write_made_up(tmp_path / "hub").read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    class Hub(BaseHTTPRequestHandler):
        def answer(self) -> bytes:
            if f"/datasets/catfang/emosign/resolve/{REVISION}/emosign_dataset.csv" not in self.path:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.end_headers()
                return b""
            sent = self.server.corrupted or content
            self.send_response(200)
            self.send_header("Content-Length", str(len(sent)))
            self.send_header("ETag", f'"{blob}"')
            self.send_header("X-Repo-Commit", REVISION)
            self.end_headers()
            return sent

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.wfile.write(self.answer())

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.corrupted = b""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def endpoint(hub, monkeypatch) -> str:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return f"http://127.0.0.1:{hub.server_address[1]}"


def test_the_released_file_is_fetched_at_a_commit_and_checked(tmp_path, hub, endpoint):
    facts = import_emosign(tmp_path / "out", revision=REVISION, endpoint=endpoint)
    assert facts["clips"] == 200
    assert facts["revision"] == REVISION
    own = hashlib.sha256((tmp_path / "hub" / "emosign_dataset.csv").read_bytes()).hexdigest()
    assert facts["sha256"] == own
    assert download_labels(REVISION, tmp_path / "again", sha256=own, endpoint=endpoint).is_file()
    with pytest.raises(InputRejected, match="has SHA-256"):
        download_labels(REVISION, tmp_path / "wrong", sha256="0" * 64, endpoint=endpoint)
    assert not (tmp_path / "wrong" / "emosign_dataset.csv").exists()


def test_changed_bytes_are_refused(tmp_path, hub, endpoint):
    hub.corrupted = b"video_name,Sentiment\nx_1,2\n"
    with pytest.raises(InputRejected, match="other bytes"):
        download_labels(REVISION, tmp_path / "out", endpoint=endpoint)
    assert not (tmp_path / "out" / "emosign_dataset.csv").exists()


def test_a_commit_without_the_file_and_a_server_that_is_away(tmp_path, hub, endpoint):
    with pytest.raises(InputRejected, match="not there"):
        download_labels("f" * 40, tmp_path, endpoint=endpoint)
    hub.shutdown()
    hub.server_close()
    with pytest.raises(PartMissing, match="cannot be fetched"):
        download_labels(REVISION, tmp_path, endpoint=endpoint)
