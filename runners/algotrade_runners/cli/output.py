"""Where the command prints: a terminal as wide as it is, a pipe as wide as the tables need."""

import sys

from rich.console import Console

PIPE_COLUMNS = 160


def console(*, plain: bool = False) -> Console:
    """Return the console for standard output; ``plain``, or no terminal: no colours, and nothing is cut to 80."""
    if plain or not sys.stdout.isatty():
        return Console(no_color=True, highlight=False, soft_wrap=True, width=PIPE_COLUMNS)
    return Console()
