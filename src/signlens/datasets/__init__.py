"""Clips with labels: where they come from, and who signed them."""
