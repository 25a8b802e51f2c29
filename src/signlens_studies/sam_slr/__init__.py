"""SAM-SLR: the streams and the ablations of its skeleton branch."""
