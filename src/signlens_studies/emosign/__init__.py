"""EmoSign: the paper's tables, its baselines, and grammar against affect."""
