"""One line per plane while a run goes on: live on a terminal, every tenth of the way elsewhere."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from algotrade.bus import Bus
from algotrade.bus.topics import PLANES
from algotrade_runners.replay_time import handled

TENTH = 10


class Shown(Protocol):
    """Shows how far each plane has come; a context manager."""

    def update(self) -> None:
        """Look at the bus and show what changed."""
        ...

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Leave the last state on the screen."""
        ...


class LiveLines:
    """Bars that move, for a terminal."""

    def __init__(self, bus: Bus, total: int, console: Console) -> None:
        self._bus = bus
        self._progress = Progress(
            TextColumn("{task.description:<14}"), BarColumn(bar_width=40), TaskProgressColumn(), MofNCompleteColumn(),
            TextColumn("records"), TimeElapsedColumn(), console=console)
        self._tasks = {plane: self._progress.add_task(plane, total=total) for plane in PLANES}

    def update(self) -> None:
        """Move the bars."""
        for plane, task in self._tasks.items():
            self._progress.update(task, completed=max(0, handled(self._bus, plane)))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.update()
        self._progress.stop()


class PlainLines:
    """A line whenever the slowest plane has come another tenth of the way, for logs and pipes."""

    def __init__(self, bus: Bus, total: int, console: Console) -> None:
        self._bus = bus
        self._total = max(1, total)
        self._console = console
        self._tenth = -1

    def update(self) -> None:
        """Print a line if there is something new to say."""
        percents = {plane: max(0, handled(self._bus, plane)) * 100 // self._total for plane in PLANES}
        tenth = min(percents.values()) // TENTH
        if tenth > self._tenth:
            self._tenth = tenth
            self._console.print("  ".join(f"{plane} {percent} %" for plane, percent in percents.items()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.update()
