"""Where the hands sign and where they rest; non-manual markers; how large and fast."""
