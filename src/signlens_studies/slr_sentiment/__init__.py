"""*SLR sentiment enhanced*: its tables and figures, theirs beside ours; its errata as published."""
