"""Video: every container, every turn, every cap, and every kind of broken file."""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media import QUADRANTS, cut, noise, picture, write_sound, write_text, write_video
from places import DATA

from signlens.errors import InputRejected, UsageError
from signlens.reasons import Reason
from signlens.video import Frame, Video, VideoLimits, VideoSummary, open_video, sha256_of


def read(source: str | Path, **settings: Any) -> tuple[list[Frame], VideoSummary]:
    with open_video(source, **settings) as video:
        frames = list(video)
        return frames, video.summary


def rejection(source: str | Path, **settings: Any) -> str:
    """The one line that a bad input is rejected with; it names the input and what to do."""
    with pytest.raises(InputRejected) as caught:
        read(source, **settings)
    text = str(caught.value)
    assert text.startswith(f"{source}: ")
    assert "\n" not in text
    assert caught.value.remedy
    return text


def quadrant_colours(image: np.ndarray) -> np.ndarray:
    """(2, 2, 3) colour in the middle of each quadrant."""
    height, width = image.shape[:2]
    rows, columns = [height // 4, height * 3 // 4], [width // 4, width * 3 // 4]
    return image[np.ix_(rows, columns)].astype(int)


FORMATS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "sound.mp4": {"audio": True},
    "faststart.mp4": {"fast_start": True},
    "fragments.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "h264.mov": {},
    "rgba.mov": {"codec": "qtrle", "pix_fmt": "argb"},
    "odd.mov": {"codec": "qtrle", "pix_fmt": "rgb24", "width": 97, "height": 63},
    "vp8.webm": {"codec": "libvpx"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "odd.webm": {"codec": "libvpx", "width": 97, "height": 63},
    "ten_bits.mkv": {"pix_fmt": "yuv420p10le"},
    "full_colour.mkv": {"pix_fmt": "yuv444p", "width": 97, "height": 63},
    "no_b_frames.mkv": {"options": {"bf": "0"}},
    "b_frames.mp4": {"options": {"bf": "3", "b-adapt": "0"}},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "small.gif": {"codec": "gif", "pix_fmt": "rgb8", "rate": 10},
    "transport.ts": {},
}


@pytest.mark.parametrize("name", FORMATS)
def test_reads_what_phones_and_cameras_write(tmp_path: Path, name: str) -> None:
    made = {"frames": 20, "width": 96, "height": 64, "rate": 30} | FORMATS[name]
    path = write_video(tmp_path / name, **made)
    frames, summary = read(path)
    assert summary.reasons == ()
    assert [f.index for f in frames] == list(range(20))
    assert summary.frames == 20
    assert (summary.width, summary.height) == (made["width"], made["height"])
    np.testing.assert_allclose([f.t_s for f in frames], np.arange(20) / made["rate"], atol=1.5e-3)
    assert summary.fps == pytest.approx(made["rate"], rel=2e-3)
    assert summary.duration_s == pytest.approx(20 / made["rate"], abs=0.01)
    for frame in frames:
        assert frame.image.shape == (made["height"], made["width"], 3)
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
    if name == "small.gif":  # 3, 3 and 2 bits for red, green and blue
        assert np.abs(quadrant_colours(frames[7].image) - QUADRANTS).max() <= 64
    else:
        assert np.abs(quadrant_colours(frames[7].image) - QUADRANTS).max() <= 12


def test_frames_come_in_the_order_they_are_shown(tmp_path: Path) -> None:
    def shade(index: int, width: int, height: int) -> np.ndarray:
        return np.full((height, width, 3), 40 + index * 8, np.uint8)

    path = write_video(tmp_path / "shades.mp4", draw=shade, options={"bf": "3", "b-adapt": "0"})
    shades = [f.image.mean() for f in read(path)[0]]
    np.testing.assert_allclose(shades, 40 + np.arange(20) * 8, atol=4)


def test_gray_pictures(tmp_path: Path) -> None:
    frames, summary = read(write_video(tmp_path / "gray.mkv", codec="ffv1", pix_fmt="gray"))
    assert summary.reasons == ()
    image = frames[0].image.astype(int)
    assert np.abs(image[..., 0] - image[..., 2]).max() <= 1
    brightness = quadrant_colours(frames[0].image)[..., 0]
    np.testing.assert_allclose(brightness, QUADRANTS @ [0.299, 0.587, 0.114], atol=12)


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("hflip", [False, True])
def test_rotation_and_mirroring_are_applied(tmp_path: Path, suffix: str, quarters: int, hflip: bool) -> None:
    path = write_video(tmp_path / f"turned.{suffix}", frames=3, rotation=90.0 * quarters, hflip=hflip)
    frames, summary = read(path)
    assert (summary.width, summary.height) == ((96, 64), (64, 96))[quarters % 2]
    assert frames[0].image.shape == (summary.height, summary.width, 3)
    # The matrix turns counterclockwise, then mirrors what is displayed.
    expected = np.rot90(QUADRANTS, quarters)
    if hflip:
        expected = expected[:, ::-1]
    assert np.abs(quadrant_colours(frames[0].image) - expected).max() <= 12


def test_times_are_those_of_the_timestamps(tmp_path: Path) -> None:
    times = [0, 20, 100, 120, 500, 510]
    for name, codec in (("phone.mp4", "libx264"), ("browser.webm", "libvpx")):
        path = write_video(tmp_path / name, codec=codec, frames=6, times=times)
        frames, summary = read(path)
        np.testing.assert_allclose([f.t_s for f in frames], np.array(times) / 1000, atol=1e-3)
        assert summary.fps == pytest.approx(5 / 0.51, rel=1e-2)
        assert summary.reasons == ()


def test_the_clock_starts_at_the_first_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "late.mkv", frames=5, times=[700, 740, 780, 820, 860])
    np.testing.assert_allclose([f.t_s for f in read(path)[0]], [0, 0.04, 0.08, 0.12, 0.16], atol=1e-3)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (Fraction(2, 1), (192, 64)),
        (Fraction(1, 2), (96, 128)),
        (Fraction(16, 15), (102, 64)),
        (Fraction(370, 369), (96, 64)),
    ],
)
def test_pixels_that_are_not_square_are_stretched(
    tmp_path: Path, aspect: Fraction, size: tuple[int, int]
) -> None:
    frames, summary = read(write_video(tmp_path / "aspect.mp4", frames=2, pixel_aspect=aspect))
    assert (summary.width, summary.height) == size
    assert frames[0].image.shape == (size[1], size[0], 3)
    assert np.abs(quadrant_colours(frames[0].image) - QUADRANTS).max() <= 12


@settings(deadline=None, max_examples=12)
@given(
    width=st.integers(1, 60).map(lambda n: 2 * n + 14),
    height=st.integers(1, 60).map(lambda n: 2 * n + 14),
    max_side=st.integers(1, 200),
    turned=st.booleans(),
)
def test_shrinking_keeps_the_shape_and_never_enlarges(
    width: int, height: int, max_side: int, turned: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_video(path, frames=2, width=width, height=height, rotation=90.0 if turned else None)
        frames, summary = read(path, max_side=max_side)
    shown = (height, width) if turned else (width, height)
    assert (summary.width, summary.height) == shown
    scale = min(1.0, max_side / max(shown))
    rows, columns = frames[0].image.shape[:2]
    assert max(rows, columns) <= max_side or scale == 1.0
    assert abs(columns - shown[0] * scale) <= 0.5 or columns == 1
    assert abs(rows - shown[1] * scale) <= 0.5 or rows == 1


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "long.mp4", frames=400, width=640, height=480, options={"preset": "ultrafast"}
    )

    with open_video(path) as video:
        for _ in range(20):
            next(video)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in video:
            pass
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert video.summary.frames == 400  # 369 MB of pictures
    assert after - before < 50_000  # KiB


def test_handed_out_images_are_the_callers_own(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4")
    with open_video(path) as video:
        first = next(video).image
        kept = first.copy()
        for frame in video:
            frame.image[:] = 0
    np.testing.assert_array_equal(first, kept)


def test_summary_before_the_end_is_a_usage_error(tmp_path: Path) -> None:
    with open_video(write_video(tmp_path / "clip.mp4")) as video:
        next(video)
        with pytest.raises(UsageError):
            _ = video.summary


@pytest.mark.parametrize("limits", [{"max_pixels": 0}, {"max_seconds": -1}, {"max_frames": 0}])
def test_limits_must_be_positive(limits: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        VideoLimits(**limits)


# -- rejected ------------------------------------------------------------------------------------


def test_missing_folder_empty(tmp_path: Path) -> None:
    assert "no such file" in rejection(tmp_path / "nowhere.mp4")
    assert "folder" in rejection(tmp_path)
    (tmp_path / "empty.mp4").touch()
    assert "empty" in rejection(tmp_path / "empty.mp4")


def test_pipe_and_device_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")  # opening it would wait for ever
    assert "pipe" in rejection(tmp_path / "pipe.mp4")
    assert "device" in rejection("/dev/zero")


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "secret.mp4")
    path.chmod(0)
    with _not_root():
        assert "may not be read" in rejection(path)


@contextmanager
def _not_root() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("name", ["text.mp4", "text.webm", "text.gif", "text.txt"])
def test_text_is_no_video(tmp_path: Path, name: str) -> None:
    assert "not a video" in rejection(write_text(tmp_path / name))


def test_random_bytes_are_no_video(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(np.random.default_rng(3).bytes(20_000))
    assert "not a video" in rejection(path)


@pytest.mark.parametrize(
    "script",
    [
        "ffconcat version 1.0\nfile '{victim}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{victim}\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
)
def test_a_playlist_cannot_make_us_open_another_file(tmp_path: Path, script: str) -> None:
    victim = write_video(tmp_path / "victim.mp4")
    path = tmp_path / "playlist.mp4"
    path.write_text(script.format(victim=victim))
    rejection(path)


def test_a_name_that_looks_like_an_address_is_a_file_name(tmp_path: Path) -> None:
    for name in ("http://127.0.0.1/clip.mp4", "concat:a.mp4|b.mp4", "camera:front", "-"):
        assert "no such file" in rejection(name)


def test_names_may_hold_any_character(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=2)
    for name in ("50% off:#1?.mp4", "señas 手話.mp4", "-i.mp4"):
        assert read(path.rename(tmp_path / name))[1].frames == 2
        path = tmp_path / name


def test_sound_without_video(tmp_path: Path) -> None:
    for name, codec in (("voice.m4a", "aac"), ("voice.mp4", "aac"), ("voice.webm", "libopus")):
        assert "sound but no video" in rejection(write_sound(tmp_path / name, codec=codec))


def test_no_frames(tmp_path: Path) -> None:
    for name, codec in (("none.mp4", "libx264"), ("none.mkv", "libx264"), ("none.avi", "mpeg4")):
        rejection(write_video(tmp_path / name, codec=codec, frames=0))


@pytest.mark.parametrize("name", ["big.mp4", "big.webm", "big.gif"])
def test_a_frame_over_the_pixel_cap(tmp_path: Path, name: str) -> None:
    codec = (
        {"mp4": "libx264", "webm": "libvpx", "gif": "gif"}[name[-3:].lstrip("b")]
        if name[-3:] != "ebm"
        else "libvpx"
    )
    pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
    path = write_video(tmp_path / name, codec=codec, pix_fmt=pix_fmt, frames=2, width=320, height=240)
    assert "320x240" in rejection(path, limits=VideoLimits(max_pixels=320 * 240 - 1))
    assert read(path, limits=VideoLimits(max_pixels=320 * 240))[1].frames == 2


def test_the_pixel_cap_counts_stretched_pixels(tmp_path: Path) -> None:
    path = write_video(tmp_path / "wide.mp4", frames=2, pixel_aspect=Fraction(8, 1))
    assert "768x64" in rejection(path, limits=VideoLimits(max_pixels=96 * 64 * 7))


def test_a_huge_picture_is_rejected_before_it_is_allocated(tmp_path: Path) -> None:
    """A gif of 60,000 x 60,000 pixels takes 14 GB when decoded, and a few bytes on disk."""
    path = write_video(tmp_path / "bomb.gif", codec="gif", pix_fmt="rgb8", frames=2, rate=10)
    data = bytearray(path.read_bytes())
    data[6:10] = (60_000).to_bytes(2, "little") * 2
    path.write_bytes(data)
    code = (
        "import re, sys\n"
        "from pathlib import Path\n"
        "from signlens.errors import InputRejected\n"
        "from signlens.video import open_video\n"
        "try: open_video(sys.argv[1])\n"
        "except InputRejected as error: print(error)\n"
        # Not getrusage: its peak includes what this process held before it became the new program.
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True, timeout=60
    )
    line, peak = out.stdout.splitlines()
    assert str(path) in line
    assert int(peak) < 400_000  # KiB
    assert out.stderr == ""


@pytest.mark.parametrize("name", ["long.mp4", "long.mkv", "long.avi"])
def test_a_clip_over_the_length_cap(tmp_path: Path, name: str) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = write_video(tmp_path / name, codec=codec, frames=40, rate=10)
    assert "limit of 3 s" in rejection(path, limits=VideoLimits(max_seconds=3))
    assert read(path, limits=VideoLimits(max_seconds=4.1))[1].frames == 40
    assert "limit of 39" in rejection(path, limits=VideoLimits(max_frames=39))
    assert read(path, limits=VideoLimits(max_frames=40))[1].frames == 40


def test_a_claimed_length_over_the_cap_is_rejected_before_decoding(tmp_path: Path) -> None:
    path = write_video(tmp_path / "long.mp4", frames=40, rate=10)
    with pytest.raises(InputRejected):
        open_video(path, limits=VideoLimits(max_seconds=3))


def test_a_length_that_no_header_claims_is_counted(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "live.webm", codec="libvpx", frames=40, rate=10, container_options={"live": "1"}
    )
    frames = []
    with (
        pytest.raises(InputRejected, match="limit of 3 s"),
        open_video(path, VideoLimits(max_seconds=3)) as video,
    ):
        frames.extend(video)
    assert len(frames) == 31


def test_no_camera() -> None:
    assert "no camera" in rejection("camera:99")


# -- cut and damaged -----------------------------------------------------------------------------

CUTS: dict[str, dict[str, Any]] = {
    "end.mp4": {},
    "front.mp4": {"fast_start": True},
    "clip.mkv": {},
    "clip.webm": {"codec": "libvpx"},
    "clip.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "clip.gif": {"codec": "gif", "pix_fmt": "rgb8", "rate": 10},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clips whose bytes are spread evenly over 40 frames."""
    folder = tmp_path_factory.mktemp("whole")
    return {n: write_video(folder / n, frames=40, draw=noise, **made) for n, made in CUTS.items()}


@pytest.mark.parametrize("share", [0.05, 0.2, 0.3])
@pytest.mark.parametrize("name", [n for n in CUTS if n != "clip.gif"])
def test_cut_off_in_the_first_third_is_rejected(
    tmp_path: Path, whole: dict[str, Path], name: str, share: float
) -> None:
    assert read(whole[name])[1].reasons == ()
    assert "cut off" in rejection(cut(whole[name], tmp_path / name, share))


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.99])
@pytest.mark.parametrize("name", [n for n in CUTS if n != "end.mp4"])
def test_a_missing_tail_is_answered_with_a_reason(
    tmp_path: Path, whole: dict[str, Path], name: str, share: float
) -> None:
    frames, summary = read(cut(whole[name], tmp_path / name, share))
    assert 40 * share - 8 <= len(frames) <= 40
    assert len(frames) < 40 or share == 0.99  # that may be the index at the end alone
    assert summary.frames == len(frames)
    assert summary.reasons[0].code == "end_missing"


@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_an_mp4_without_its_index_cannot_be_read(
    tmp_path: Path, whole: dict[str, Path], share: float
) -> None:
    assert "index" in rejection(cut(whole["end.mp4"], tmp_path / "clip.mp4", share))


def test_one_frame_is_answered_with_a_reason(tmp_path: Path) -> None:
    frames, summary = read(write_video(tmp_path / "one.mp4", frames=1))
    assert len(frames) == 1
    assert summary.fps == 30
    assert summary.reasons == (Reason("single_frame", "There is only one frame, so no movement to read."),)


def _patched_count(path: Path, target: Path, count: int) -> Path:
    """Make the avi's stream header (dwLength of the first strh chunk) and main header claim `count`."""
    data = bytearray(path.read_bytes())
    main, stream = data.index(b"avih"), data.index(b"strh")
    data[main + 8 + 16 : main + 8 + 20] = count.to_bytes(4, "little")
    data[stream + 8 + 32 : stream + 8 + 36] = count.to_bytes(4, "little")
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("claim", [41, 43])
def test_a_claim_of_up_to_three_frames_more_is_healthy(
    tmp_path: Path, whole: dict[str, Path], claim: int
) -> None:
    path = _patched_count(whole["clip.avi"], tmp_path / "clip.avi", claim)
    _, summary = read(path)
    assert (summary.frames, summary.claimed_frames, summary.reasons) == (40, claim, ())


def test_a_header_that_claims_far_too_much_does_not_stop_a_whole_clip(
    tmp_path: Path, whole: dict[str, Path]
) -> None:
    _, summary = read(_patched_count(whole["clip.avi"], tmp_path / "clip.avi", 21_308))
    assert (summary.frames, summary.claimed_frames) == (40, 21_308)


def test_an_edit_list_hides_frames_without_a_reason(tmp_path: Path) -> None:
    """An mp4 trimmed at its start by the edit list alone, as phones do it."""
    path = write_video(tmp_path / "clip.mp4", frames=40, options={"bf": "0"})
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 4  # version and flags, count, duration, media time, rate
    assert int.from_bytes(data[at + 4 : at + 8], "big") == 1
    frame_ticks = 512  # FFmpeg writes 30 frames a second in a time base of 1/15360
    data[at + 12 : at + 16] = (10 * frame_ticks).to_bytes(4, "big")
    path.write_bytes(data)
    frames, summary = read(path)
    assert (summary.frames, summary.claimed_frames, summary.reasons) == (30, 40, ())
    assert np.abs(frames[0].image.astype(int) - picture(10, 96, 64)).mean() < 8


def test_metadata_that_is_not_utf_8(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", frames=3)
    data = path.read_bytes()
    assert b"Lavf" in data
    path.write_bytes(data.replace(b"Lavf", b"\xff\xfe\xe9\xff"))
    assert read(path)[1].reasons == ()


def test_damage_in_the_middle_is_not_silent(tmp_path: Path) -> None:
    """Packets of jpeg that are overwritten can be counted exactly."""
    path = write_video(tmp_path / "clip.avi", codec="mjpeg", pix_fmt="yuvj420p", frames=30)
    data = bytearray(path.read_bytes())
    starts = [i for i in range(len(data) - 2) if data[i : i + 3] == b"\xff\xd8\xff"]
    assert len(starts) == 30
    for start, end in pairwise(starts[10:16]):
        data[start : end - 8] = bytes(end - 8 - start)
    path.write_bytes(data)
    frames, summary = read(path)
    assert len(frames) == 25
    assert any(
        reason.code == "frames_missing" and "25 of the 30" in reason.text for reason in summary.reasons
    )


def test_a_picture_that_changes_size_is_answered_with_a_reason(tmp_path: Path) -> None:
    """Two transport streams, one after the other, are one transport stream."""
    small = write_video(tmp_path / "a.ts", frames=10)
    large = write_video(tmp_path / "b.ts", frames=10, width=128, height=96)
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    frames, summary = read(both)
    assert {f.image.shape for f in frames} == {(64, 96, 3)}
    assert any("size of the picture changes" in reason.text for reason in summary.reasons)
    assert np.all(np.diff([f.t_s for f in frames]) > 0)
    rejection(both, limits=VideoLimits(max_pixels=96 * 64))


def test_nothing_is_printed(
    tmp_path: Path, whole: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    read(cut(whole["front.mp4"], tmp_path / "cut.mp4", 0.6))
    rejection(write_text(tmp_path / "text.mp4"))
    assert capfd.readouterr() == ("", "")


OUTCOMES: dict[str, dict[str, Any]] = {
    "fuzz.mp4": {"fast_start": True, "audio": True},
    "fuzz.mkv": {},
    "fuzz.webm": {"codec": "libvpx"},
    "fuzz.avi": {"codec": "mpeg4"},
    "fuzz.gif": {"codec": "gif", "pix_fmt": "rgb8", "rate": 10},
}


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    return {
        n: write_video(folder / n, frames=12, width=48, height=32, **made).read_bytes()
        for n, made in OUTCOMES.items()
    }


def outcome(path: Path) -> str:
    """One of ok, degraded, rejected; anything else is a failure of the test that asks."""
    limits = VideoLimits(max_pixels=640 * 480, max_seconds=5, max_frames=60)
    try:
        with open_video(path, limits) as video:
            times = [frame.t_s for frame in video]
    except InputRejected as error:
        assert str(error).startswith(f"{path}: ") and error.remedy
        return "rejected"
    summary = video.summary
    assert summary.frames == len(times) >= 1
    assert np.isfinite([summary.fps, summary.duration_s]).all()
    assert summary.fps > 0 and summary.duration_s > 0
    assert times[0] == 0 and all(b > a for a, b in pairwise(times))
    return "degraded" if summary.reasons else "ok"


@pytest.mark.parametrize("name", OUTCOMES)
def test_damaged_bytes_end_in_one_of_three_ways(name: str, seeds: dict[str, bytes]) -> None:
    seed = seeds[name]
    found = set()

    @settings(deadline=5000, max_examples=120, derandomize=True, database=None)
    @given(
        keep=st.one_of(st.just(len(seed)), st.integers(1, len(seed))),
        # Half of the flips go to the first bytes, where the structure is.
        flips=st.lists(
            st.tuples(
                st.one_of(st.integers(0, min(1500, len(seed)) - 1), st.integers(0, len(seed) - 1)),
                st.integers(1, 255),
            ),
            max_size=8,
        ),
    )
    def damage(keep: int, flips: list[tuple[int, int]]) -> None:
        data = bytearray(seed)
        for at, mask in flips:
            data[at] ^= mask
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(data[:keep])
            found.add(outcome(path))

    damage()
    assert {"rejected", "ok"} <= found


# -- camera --------------------------------------------------------------------------------------


def test_a_live_source_is_read_for_the_given_time() -> None:
    """FFmpeg's test pattern stands in for the device: like a camera, it never ends."""
    container = av.open("testsrc=size=96x64:rate=20", format="lavfi")
    with Video("camera:0", container, None, VideoLimits(camera_seconds=1.5), None) as video:
        frames = list(video)
    assert len(frames) == 30
    assert video.summary.reasons == ()
    assert video.summary.fps == pytest.approx(20)


# -- hashing -------------------------------------------------------------------------------------


def test_sha256_of(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # the example of FIPS 180-2, B.1
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(InputRejected):
        sha256_of(tmp_path)
    with pytest.raises(InputRejected):
        sha256_of(tmp_path / "nowhere")


# -- real recordings -----------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.slow
def test_real_recordings_are_healthy_and_complete() -> None:
    folder = DATA / "wlasl-videos"
    if not (folder / "clips.csv").exists():
        pytest.skip(f"the recordings are not at {folder} (set SIGNLENS_SHARED)")
    with (folder / "clips.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 96
    claimed_more = 0
    for row in rows:
        frames, summary = 0, None
        with open_video(folder / f"{row['video_id']}.mp4", max_side=64) as video:
            frames = sum(1 for _ in video)
        summary = video.summary
        assert frames == summary.frames == int(row["n_frames"])
        assert (summary.width, summary.height) == (int(row["width"]), int(row["height"]))
        assert summary.reasons == ()
        claimed_more += (summary.claimed_frames or 0) > frames
    assert claimed_more == 17
