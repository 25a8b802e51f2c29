"""Non-manual markers measured on rendered signers."""
