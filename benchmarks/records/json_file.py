"""Stage 10, meter (offline): results files as JSON: their head, written, and checked when they are read."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.errors import ResultsError
from benchmarks.records.provenance import environment

SCHEMA = 1  # of results files of speed, delay, sync and engines


def report_head(
    benchmark: str, settings: Any, *, cores: Sequence[int], load_before: float | None, provenance: dict[str, Any]
) -> dict[str, Any]:
    """What a results file of every timing benchmark begins with; `settings` is a dataclass."""
    return {
        "schema": SCHEMA,
        "benchmark": benchmark,
        "provenance": provenance,
        "environment": environment(),
        "cores": list(cores),
        "load_before": load_before,
        "settings": asdict(settings),
    }


def write_json(path: Path, report: dict[str, Any]) -> None:
    """Indented, with a newline at the end; parent folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


@contextmanager
def results_of(benchmark: str, *, path: Path | None = None) -> Iterator[None]:
    """While a results file is taken apart: whatever it lacks becomes a ResultsError that names it."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        where = "" if path is None else f"{path}: "
        raise ResultsError(f"{where}not results of the {benchmark} benchmark ({error})") from error


def check_kind(report: dict[str, Any], benchmark: str, *, schemas: Sequence[int] = (SCHEMA,)) -> None:
    """Raises ValueError where a results file is of another benchmark or schema; KeyError where it says neither."""
    if report["benchmark"] != benchmark or report["schema"] not in schemas:
        raise ValueError(f"benchmark {report['benchmark']!r} of schema {report['schema']!r}")
