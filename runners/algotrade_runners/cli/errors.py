"""Errors a user can act on: one line on standard error and an exit code, no traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from algotrade.backtest.files import OutputError
from algotrade_runners.host import CONFIG_ERRORS, EXIT_USAGE, EXIT_WORLD, WORLD_ERRORS

_WORLD: tuple[type[Exception], ...] = (*WORLD_ERRORS, OutputError)


@contextmanager
def told(*, config: tuple[type[Exception], ...] = (), world: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn what the user or the world got wrong into a message and an exit code; a bug of ours keeps its traceback.

    ``config`` and ``world``: errors that only this command meets, beside those that all do
    """
    try:
        yield
    except CONFIG_ERRORS + config as error:
        _leave(error, EXIT_USAGE)
    except _WORLD + world as error:
        _leave(error, EXIT_WORLD)


def _leave(error: Exception, code: int) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(f"algotrade: {error}", markup=False, style="bold red")
    raise typer.Exit(code) from error
