"""Measuring: what the terminal shows, a bar while something runs and tables in their full width."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

LEAST_WIDTH = 190  # columns that the tables need where the output is not a terminal

Tick = Callable[[str, float], None]  # what is being done, how much of it is done


def tables_console() -> Console:
    """Standard output, wide enough for the tables where it is not a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=LEAST_WIDTH)


@contextmanager
def progress_of(total: int) -> Iterator[Tick]:
    """A bar on standard error over `total` pieces of work, each told by its name and how much of it is done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # Twice a second: a bar that is drawn more often takes its share of the cores that are measured.
    with Progress(
        *columns, console=console, transient=True, refresh_per_second=2, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("starting", total=total)
        done: dict[str, float] = {}

        def tick(name: str, part: float) -> None:
            done[name] = part
            progress.update(task, description=name, completed=sum(done.values()))

        yield tick
