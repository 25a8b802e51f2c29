"""Experiments: one TOML file each; the loop; cross-validation; export."""
