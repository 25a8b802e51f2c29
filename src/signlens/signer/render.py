"""Rendering: a sign in, frames and their truth out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from signlens.errors import UsageError
from signlens.optional import require_extra
from signlens.signer.body import BodyPose
from signlens.signer.face import parse_expression
from signlens.signer.identity import Identity, find_identity
from signlens.signer.notation import find_sign
from signlens.signer.performance import Performance, perform
from signlens.signer.scene import Camera, Scene, build_scene
from signlens.signer.truth import Truth, TruthFrame, collect, frame_truth

DEFAULT_IDENTITY = "maya"
MAX_SIDE = 4096
MAX_FRAMES = 3000

Progress = Callable[[int, int], None]


def _marcher() -> ModuleType:
    try:
        from signlens.signer import raymarch
    except ImportError as error:
        if (error.name or "").split(".")[0] in ("numba", "llvmlite"):
            raise require_extra("signer", "numba") from None
        raise
    return raymarch


def draw(scene: Scene, camera: Camera, *, smooth: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """Draw one scene.

    Args:
        scene: From `build_scene`.
        camera: The camera.
        smooth: Extra rays per pixel along edges; 0 is fastest.
        seed: Seed of the grain.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    view = np.array([*camera.position, camera.focal, camera.width / 2, camera.height / 2, float(seed)])
    return np.asarray(
        _marcher().render_image(
            scene.primitives, scene.frames, scene.table, scene.face, scene.clothes, scene.colours, scene.look,
            view, camera.width, camera.height, smooth,
        )
    )  # fmt: skip


def depth_picture(scene: Scene, camera: Camera) -> NDArray[np.float32]:
    """How far the first surface behind every pixel lies.

    Args:
        scene: From `build_scene`.
        camera: The camera.

    Returns:
        (height, width) metres along the camera's axis; infinite where there is nothing but background.
    """
    marcher = _marcher()
    across = (np.arange(camera.width) + 0.5 - camera.width / 2) / camera.focal
    up = (camera.height / 2 - np.arange(camera.height) - 0.5) / camera.focal
    rays = np.stack([*np.meshgrid(across, up), np.full((camera.height, camera.width), -1.0)], axis=-1)
    rays = rays.reshape(-1, 3)
    origins = np.broadcast_to(np.array(camera.position), rays.shape).copy()
    hits = marcher.first_hits(scene.primitives, scene.frames, scene.table, origins, origins + rays)
    depth = np.where(hits[:, 1] < 0, np.inf, hits[:, 0] / np.linalg.norm(rays, axis=1))
    return depth.astype(np.float32).reshape(camera.height, camera.width)


def _check_size(width: int, height: int) -> None:
    if not (32 <= width <= MAX_SIDE and 32 <= height <= MAX_SIDE):
        raise UsageError(f"size {width}x{height}", "is out of range", f"each side is 32 to {MAX_SIDE} pixels")


def render_pose_frame(
    pose: BodyPose,
    *,
    identity: str | Identity = DEFAULT_IDENTITY,
    width: int = 640,
    height: int = 480,
    smooth: int = 3,
    grain: float = 0.0,
    seed: int = 0,
    camera: Camera | None = None,
) -> tuple[NDArray[np.uint8], TruthFrame]:
    """One frame of any pose.

    Args:
        pose: The body.
        identity: A name of `load_identities`, or an identity of your own.
        width: Pixels across (when no camera is given).
        height: Pixels down (when no camera is given).
        smooth: Extra rays per pixel along edges.
        grain: Grain of the camera, 0..1 (1 is about 8 of 255 levels).
        seed: Seed of the grain.
        camera: A camera of your own.

    Returns:
        (height, width, 3) uint8 RGB, and the truth of this frame.
    """
    _check_size(width, height)
    who = find_identity(identity) if isinstance(identity, str) else identity
    camera = camera or Camera(width, height)
    scene = build_scene(pose, who, grain)
    return draw(scene, camera, smooth=smooth, seed=seed), frame_truth(scene, pose, camera, _marcher())


@dataclass(frozen=True)
class Rendered:
    """A clip in the making: iterate over it to get the frames.

    Frames are drawn while they are iterated over, several at once, and come in order; the result is the
    same whatever the number of workers.

    Attributes:
        performance: The sign, placed on a body.
        identity: The signer.
        expression: As asked for.
        camera: Where it is seen from.
        times: (T,) seconds of the frames.
        truth: Where everything is in every frame; known before a frame is drawn.
        grain: Grain of the camera, 0..1.
        smooth: Extra rays per pixel along edges.
        seed: Of the grain.
        workers: Threads.
        progress: Called with (frames done, frames in all) after every frame.
    """

    performance: Performance
    identity: Identity
    expression: str
    camera: Camera
    times: NDArray[np.float64]
    truth: Truth
    grain: float
    smooth: int
    seed: int
    workers: int
    progress: Progress | None

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.truth.fps

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Frames in order, each (height, width, 3) uint8 RGB."""
        with ThreadPoolExecutor(self.workers, thread_name_prefix="signer") as pool:
            waiting: deque[Future[NDArray[np.uint8]]] = deque()
            numbers = iter(range(len(self)))
            try:
                for done in range(len(self)):
                    for i in islice(numbers, 2 * self.workers - len(waiting)):
                        waiting.append(pool.submit(self._frame, i))
                    yield waiting.popleft().result()
                    if self.progress is not None:
                        self.progress(done + 1, len(self))
            finally:
                for future in waiting:
                    future.cancel()

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.times)

    def depths(self) -> Iterator[NDArray[np.float32]]:
        """True depth of the frames in order, see `depth_picture`."""
        return (depth_picture(self._scene(i), self.camera) for i in range(len(self)))

    def to_array(self) -> NDArray[np.uint8]:
        """All frames at once: (frames, height, width, 3) uint8 RGB."""
        return np.stack(list(self))

    def _scene(self, i: int) -> Scene:
        return build_scene(self.performance.pose(float(self.times[i])), self.identity, self.grain)

    def _frame(self, i: int) -> NDArray[np.uint8]:
        return draw(self._scene(i), self.camera, smooth=self.smooth, seed=self.seed * 100003 + i)


def render_sign(
    sign: str,
    *,
    yaw_degrees: float = 0.0,
    expression: str = "neutral",
    identity: str | Identity = DEFAULT_IDENTITY,
    width: int = 640,
    height: int = 480,
    fps: float = 25.0,
    seed: int = 0,
    grain: float = 0.0,
    smooth: int = 3,
    frames: int | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Rendered:
    """Render one sign.

    Args:
        sign: Gloss of a shipped sign, or the path of a sign's ``.toml`` file.
        yaw_degrees: Turn of the whole body to the signer's left, -90..90.
        expression: A name of `signlens.signer.EXPRESSIONS`, or several joined by ``+``.
        identity: A name of `load_identities`, or an identity of your own.
        width: Pixels across.
        height: Pixels down.
        fps: Frames per second of the clip.
        seed: 0 is the sign as written; other seeds vary tempo and places a little.
        grain: Grain of the camera, 0..1 (1 is about 8 of 255 levels).
        smooth: Extra rays per pixel along edges.
        frames: Spread the whole sign over this many frames; None for its natural length.
        progress: Called with (frames done, frames in all) after every frame.
        workers: Threads; None for one a core.

    Raises:
        UsageError: An unknown name or a value out of range.
        PartMissing: numba is not installed.
    """
    _check_size(width, height)
    if not -90.0 <= yaw_degrees <= 90.0:
        raise UsageError(f"yaw {yaw_degrees:g}", "is out of range", "give -90 to 90 degrees")
    if not 1.0 <= fps <= 240.0:
        raise UsageError(f"fps {fps:g}", "is out of range", "give 1 to 240")
    if workers is not None and workers < 1:
        raise UsageError(f"workers {workers}", "is out of range", "give 1 or more")
    face, markers = parse_expression(expression)
    who = find_identity(identity) if isinstance(identity, str) else identity
    performance = perform(
        find_sign(sign), who, expression=face, markers=markers, yaw_degrees=yaw_degrees, seed=seed
    )
    count = frames if frames is not None else max(round(performance.duration * fps), 1)
    if not 1 <= count <= MAX_FRAMES:
        raise UsageError(f"{count} frames", "is out of range", f"give 1 to {MAX_FRAMES}")
    times = np.arange(count) / fps if frames is None else np.linspace(0.0, performance.duration, count)
    marcher = _marcher()
    camera = Camera(width, height)
    truths = []
    for t in times:
        pose = performance.pose(float(t))
        truths.append(frame_truth(build_scene(pose, who, grain), pose, camera, marcher))
    truth = collect(
        truths, sign=performance.sign.gloss, identity=who.name, expression=expression, fps=fps, camera=camera
    )
    threads = workers or os.cpu_count() or 1
    return Rendered(
        performance, who, expression, camera, times, truth, grain, smooth, seed, threads, progress
    )
