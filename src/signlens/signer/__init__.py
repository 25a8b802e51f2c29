"""The rendered signer: videos of signs with known truth.

An upper body of signed-distance shapes, ray-marched with numba (extra ``signer``), that a pose
extractor sees as a person. It is for tests and demonstration. It is not a teaching resource:
the signs are written from descriptions, and Deaf signers are the authority on their language.
"""

from signlens.signer.body import ArmPose, BodyPose, orientation
from signlens.signer.face import EXPRESSIONS, PARAMETER_NAMES, FaceParameters, parse_expression
from signlens.signer.film import write_video
from signlens.signer.hand import Handshape, find_handshape, load_handshapes
from signlens.signer.identity import Identity, find_identity, load_identities
from signlens.signer.notation import Sign, find_sign, load_signs, read_sign
from signlens.signer.performance import perform
from signlens.signer.render import DEFAULT_IDENTITY, Rendered, render_pose_frame, render_sign
from signlens.signer.scene import Camera
from signlens.signer.truth import RIG_JOINTS, Truth, TruthFrame

__all__ = [
    "DEFAULT_IDENTITY",
    "EXPRESSIONS",
    "PARAMETER_NAMES",
    "RIG_JOINTS",
    "ArmPose",
    "BodyPose",
    "Camera",
    "FaceParameters",
    "Handshape",
    "Identity",
    "Rendered",
    "Sign",
    "Truth",
    "TruthFrame",
    "find_handshape",
    "find_identity",
    "find_sign",
    "load_handshapes",
    "load_identities",
    "load_signs",
    "orientation",
    "parse_expression",
    "perform",
    "read_sign",
    "render_pose_frame",
    "render_sign",
    "write_video",
]
