"""What reproduces the papers, and what shows how the shipped models came to be; may use `signlens`, never the reverse."""
