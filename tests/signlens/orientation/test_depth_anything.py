"""Depth Anything, tested on a tiny random network of the same class; nothing is downloaded."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from turned_figure import as_seen, pose_clip, standing

from signlens.errors import InputRejected, PartMissing
from signlens.files import file_sha256
from signlens.orientation import depth_anything
from signlens.orientation.depth_anything import PATCH, WEIGHTS_FILE, DepthAnything, prepare_image

torch = pytest.importorskip("torch", reason="needs the extra depth")
pytest.importorskip("transformers", reason="needs the extra depth")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network of the class, a ten-thousandth of the size."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    torch.set_num_threads(1)
    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=56,
        patch_size=14,
        out_indices=[1, 2, 3, 4],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=14,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[4, 4, 8, 8],
        fusion_hidden_size=4,
        head_hidden_size=4,
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("depth-anything")
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    return folder


def test_the_output_is_the_networks_own_unrounded(tiny: Path) -> None:
    from transformers import DepthAnythingForDepthEstimation

    model = DepthAnything(tiny, file_sha256(tiny / WEIGHTS_FILE), side=56)
    image = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)
    made = model.nearness(image)
    with torch.inference_mode():
        peer = DepthAnythingForDepthEstimation.from_pretrained(tiny).eval()
        expected = peer(pixel_values=torch.from_numpy(prepare_image(image, 56)[None])).predicted_depth[0]
    np.testing.assert_array_equal(made, expected.numpy())
    assert made.dtype == np.float32
    assert len(np.unique(made)) > 256  # no eight bits on the way


def test_pictures_are_resized_to_whole_patches_and_normalised() -> None:
    for height, width in ((480, 640), (640, 480), (100, 333), (720, 1280)):
        made = prepare_image(np.full((height, width, 3), 255, np.uint8))
        assert min(made.shape[1:]) == 518
        assert made.shape[1] % PATCH == made.shape[2] % PATCH == 0
        assert made.shape[2] / made.shape[1] == pytest.approx(width / height, rel=0.02)
        white = (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
        np.testing.assert_allclose(made[:, 5, 5], white, atol=1e-5)


def test_a_clip_is_read_frame_by_frame(tiny: Path, tmp_path: Path) -> None:
    from signlens.signer import write_video

    rng = np.random.default_rng(1)
    clip = pose_clip(as_seen(standing(3), 20), width=160, height=120)
    clip.keypoints[..., :2] = rng.uniform(0, 119, (3, 133, 2))
    clip.keypoints[1, 7, 0] = 170  # outside of the frame
    video = tmp_path / "clip.mp4"
    write_video([rng.integers(0, 255, (120, 160, 3), np.uint8) for _ in range(3)], video)
    model = DepthAnything(tiny, file_sha256(tiny / WEIGHTS_FILE), side=56)
    depth = model.depth(clip, video)
    assert depth.source == "depth-anything"
    if not np.isnan(depth.z).all():  # a random network may see near as far
        assert np.isnan(depth.z[1, 7])
    longer = tmp_path / "longer.mp4"
    write_video([np.zeros((120, 160, 3), np.uint8)] * 4, longer)
    with pytest.raises(InputRejected, match="more than 3 frames"):
        model.depth(clip, longer)


def test_other_weights_are_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(PartMissing, match="differs"):
        DepthAnything(tiny)  # not the published weights
    with pytest.raises(PartMissing, match="no weights"):
        DepthAnything(tmp_path)


def test_what_is_not_on_this_machine_is_said_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub

    asked = {}

    def snapshot(repository: str, **options: object) -> str:
        asked.update(options, repository=repository)
        raise OSError("not in the cache")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    with pytest.raises(PartMissing, match="download"):
        DepthAnything()
    assert asked["local_files_only"] is True
    assert asked["revision"] == depth_anything.REVISION
    assert len(depth_anything.REVISION) == 40
    assert len(depth_anything.WEIGHTS_SHA256) == 64


def test_nothing_heavy_is_imported_for_the_other_sources() -> None:
    code = (
        "import sys, signlens.orientation.depth_anything, signlens.orientation.lifted_depth;"
        "print([m for m in ('torch', 'transformers', 'huggingface_hub', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
