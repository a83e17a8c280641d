"""Measuring: what the terminal shows, a bar while something runs and tables in their full width."""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

LEAST_WIDTH = 230  # columns that the tables need

Tick = Callable[[str, float], None]  # what is being done, how much of it is done


def tables_console() -> Console:
    """Standard output, wide enough for the tables: a narrow terminal wraps their lines, and no column is cut away."""
    console = Console()
    return Console(width=max(console.width, LEAST_WIDTH))


def show_table(
    console: Console,
    rows: Sequence[Sequence[str]],
    *,
    lines: Sequence[str],
    title: str,
    columns: Sequence[str],
    left: Collection[str] = (),
    styles: Sequence[str | None] | None = None,
) -> None:
    """The conditions, a line each, and a table; `left` are the columns that hold words, `styles` are of the rows."""
    for line in lines:
        console.print(line, highlight=False)
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="left" if name in left else "right")
    for row, style in zip(rows, styles or [None] * len(rows), strict=True):
        table.add_row(*row, style=style)
    console.print(table)


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


@contextmanager
def progress_by_pieces(total: int, *, at_once: int) -> Iterator[Callable[[str], None]]:
    """Told what begins, of `total` pieces of work: a bar on standard error, or a line for each where it is no terminal.

    `at_once` of them run at a time, so that as many of those that have begun are not done.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        started = itertools.count(1)

        def tick(description: str) -> None:
            number = next(started)
            progress.update(task, description=description, completed=max(0, number - at_once))
            if not console.is_terminal:
                console.print(f"{number}/{total} {description}", highlight=False, markup=False, soft_wrap=True)

        yield tick
