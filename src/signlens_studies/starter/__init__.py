"""How the shipped sign model came to be: its data, splits, tables and choices."""
