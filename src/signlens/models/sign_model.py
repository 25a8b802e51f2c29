"""A shipped sign model: ONNX networks, vocabulary, calibration, and who it was trained for.

A model is a folder: ``model.json`` (everything but the weights, with the SHA-256 of each file), one
ONNX file per network, ``gallery.safetensors`` and a card. It runs on ONNX Runtime alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from signlens.errors import PartMissing, UsageError
from signlens.files import file_sha256
from signlens.models.embedding import FUSED, fuse_embeddings
from signlens.models.ensemble import ensemble
from signlens.models.inputs import (
    NORMALISED,
    SAM_SLR,
    either_hand_leading,
    expected_logits,
    network_input,
    sam_slr_input,
)
from signlens.orientation.frame import SignerFrame
from signlens.pose import PoseClip
from signlens.signing.rest import cut_to_signing
from signlens.skeleton.normalise import WHOLE_BODY_INDEX, Signing, prepare

STARTER = Path(__file__).parent / "weights" / "starter"
"""Folder of the model that ships with the package."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class SignScores:
    """What the networks say of one clip.

    Attributes:
        log_probabilities: (C,) natural logs over the model's classes (`SignModel.classes`), calibrated.
        logits: Network name -> (C,) raw scores.
        embedding: (D,) unit vector in the fused embedding space.
        embeddings: Network name -> (D,) its own embedding, of any length.
        signing: How the clip was prepared.
        only_rest: No hand is seen to leave its rest.
    """

    log_probabilities: NDArray[np.float64]
    logits: dict[str, Array]
    embedding: Array
    embeddings: dict[str, Array]
    signing: Signing
    only_rest: bool

    def embedding_in(self, space: str) -> Array:
        """The embedding of one network, or of all together (``fused``).

        Raises:
            UsageError: There is no such network.
        """
        require_space(space, self.embeddings)
        return self.embedding if space == FUSED else self.embeddings[space]


@dataclass(frozen=True)
class NetworkCard:
    """One network of the model: its file, and what it reads.

    Attributes:
        name: Its name.
        file: Its ONNX file.
        kind: ``slgcn`` or ``handshape``.
        stream: Stream of the skeleton (``slgcn``).
        window: Frames that it reads.
        weight: Of its scores in the ensemble.
        graph: Name of the skeleton (``slgcn``).
        preparation: How a clip becomes its window, one of `signlens.models.inputs.PREPARATIONS`.
    """

    name: str
    file: str
    kind: str
    stream: str
    window: int
    weight: float
    graph: str = "reduced"
    preparation: str = NORMALISED


class SignModel:
    """The recogniser's networks, loaded and ready.

    Args:
        folder: A model's folder; the shipped starter model by default.
        threads: Threads of ONNX Runtime per network.

    Raises:
        PartMissing: The folder or a file is missing, or a file differs from its recorded hash.
    """

    def __init__(self, folder: Path = STARTER, threads: int = 1) -> None:
        self.folder = folder
        document = folder / "model.json"
        if not document.is_file():
            raise PartMissing(
                document, "there is no sign model there", "install the package again, or name another"
            )
        try:
            card: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))
            self.card = card
            self.language = str(card.get("language", "ASL"))
            self.name: str = card["name"]
            self.version: str = card["version"]
            self.extractor: str = card["extractor"]
            self.classes: tuple[str, ...] = tuple(card["classes"])
            self.glosses: tuple[str, ...] = self.classes[: card["glosses"]]
            self.idle: int | None = card["idle"]
            self.temperature: float = card["temperature"]
            self.unknown_below: float = card["unknown_below"]
            self.networks = tuple(NetworkCard(**network) for network in card["networks"])
            hashes: dict[str, str] = card["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise PartMissing(
                document, f"is not a sign model's card ({error!r})", "install it again"
            ) from None
        self.sha256 = file_sha256(document)
        for name, expected in hashes.items():
            path = folder / name
            if not path.is_file():
                raise PartMissing(path, "a file of the sign model is missing", "install the package again")
            if file_sha256(path) != expected:
                raise PartMissing(path, "differs from what was shipped", "install the package again")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._sessions = {
            network.name: onnxruntime.InferenceSession(
                str(folder / network.file), options, providers=["CPUExecutionProvider"]
            )
            for network in self.networks
        }

    @property
    def weights(self) -> dict[str, float]:
        """Network name -> its weight in the ensemble and in the fused embedding."""
        return {network.name: network.weight for network in self.networks}

    def require_space(self, space: str) -> None:
        """Refuse the name of an embedding that this model has not.

        Raises:
            UsageError: It is neither one of its networks nor ``fused``.
        """
        require_space(space, self.weights)

    @property
    def embedding_sizes(self) -> dict[str, int]:
        """Network name -> dimensions of its embedding."""
        return {name: int(session.get_outputs()[1].shape[-1]) for name, session in self._sessions.items()}

    @property
    def identity(self) -> dict[str, str]:
        """Name, version and hash, for results and galleries."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256}

    def score(self, clip: PoseClip, frame: SignerFrame | None = None) -> SignScores:
        """Score one clip.

        Where both hands do about the same, the logits are the mean over which of them leads, each with its
        probability (`Signing.doubt`); the embeddings are those of the likelier one.

        Args:
            clip: The poses.
            frame: The signer's, of the same clip; found when None.

        Raises:
            InputRejected: The signer's nose and shoulders show in no frame.
        """
        cut = cut_to_signing(clip.keypoints[:, WHOLE_BODY_INDEX], frame)
        signing = prepare(cut.points, frame=cut.frame)
        windows = {n.window: signing.resampled(n.window) for n in self.networks}
        inputs = {}
        for network in self.networks:
            if network.preparation == SAM_SLR:
                inputs[network.name] = sam_slr_input(clip.keypoints, network.stream, network.window)
            else:
                joints, seen = either_hand_leading(windows[network.window])
                inputs[network.name] = network_input(
                    network.kind, network.stream, joints, seen, network.graph
                )
        of_views, embeddings = self.run(inputs)
        logits = {name: expected_logits(values, signing.doubt) for name, values in of_views.items()}
        return SignScores(
            log_probabilities=ensemble(logits, self.weights, self.temperature)[0],
            logits={name: values[0] for name, values in logits.items()},
            embedding=self.fuse_embeddings({name: values[:1] for name, values in embeddings.items()})[0],
            embeddings={name: values[0] for name, values in embeddings.items()},
            signing=signing,
            only_rest=cut.only_rest,
        )

    def run(self, inputs: dict[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
        """All networks over a batch.

        Args:
            inputs: Network name -> its input (N, ...).

        Returns:
            Network name -> logits (N, C), and network name -> embedding (N, D).
        """
        logits, embeddings = {}, {}
        for network in self.networks:
            logits[network.name], embeddings[network.name] = self._sessions[network.name].run(
                None, {"clip": inputs[network.name]}
            )
        return logits, embeddings

    def fuse_embeddings(self, embeddings: dict[str, Array]) -> Array:
        """One unit vector per clip whose cosine is the weighted mean of the networks' cosines.

        Args:
            embeddings: Network name -> (N, D).

        Returns:
            (N, sum of D), see `signlens.models.embedding.fuse_embeddings`.
        """
        return fuse_embeddings(embeddings, self.weights)


def require_space(space: str, networks: Iterable[str]) -> None:
    """Refuse the name of an embedding that is neither one of the networks' nor ``fused``.

    Raises:
        UsageError: It is another.
    """
    known = [*networks, FUSED]
    if space not in known:
        raise UsageError("space", f"this model has no {space!r}", f"choose from {', '.join(known)}")
