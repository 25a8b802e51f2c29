"""`python -m signlens.cli`."""

from signlens.cli import main

main()
