"""What the studies add to the command line; light modules that import a study only when it runs."""
