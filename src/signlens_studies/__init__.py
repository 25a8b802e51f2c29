"""Reproductions of the papers, and how the shipped models came to be; uses `signlens`, never the reverse."""
