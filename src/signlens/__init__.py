"""SignLens reads a video of an isolated sign.

It says which sign it is, what emotion the signer's face and hands carry, and which
known signs look alike, with the evidence for each.
"""

__version__ = "0.1.0"
