"""Baselines on EmoSign: each gives a `Prediction` for every clip, which `emosign score` reads.

What trains is trained leave-one-signer-out: a clip is answered by what saw the other signers only.
"""
