"""Does the embedding find signs that look alike: recall, choices, maps."""
