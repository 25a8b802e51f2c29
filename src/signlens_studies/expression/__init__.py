"""How the shipped expression network came to be."""
