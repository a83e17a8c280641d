"""Stage 10, display (offline): what a timing benchmark makes of its results: a file, tables, a plot, a section."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.records.json_file import write_json
from benchmarks.records.terminal import tables_console


@dataclass(frozen=True, slots=True)
class ResultsKind:
    """One benchmark's results: `read` takes a results file's contents and gives what the others show, draw and write.

    `read` raises ResultsError.
    """

    read: Callable[[dict[str, Any]], Any]
    show: Callable[[Any, Console], None]
    plot: Callable[[Any, Path], None]
    markdown: Callable[[Any], str]

    def put_out(self, report: dict[str, Any], *, json: Path | None, plot: Path | None) -> Any:
        """A run's results: to a file and as a plot where told, and as tables in the terminal.

        Gives what `read` gave. Raises ResultsError, OSError.
        """
        if json:
            write_json(json, report)
        run = self.read(report)
        self.show(run, tables_console())
        if plot:
            self.plot(run, plot)
        return run
