"""Stage 10, meter (offline): results files of the same settings on other clips become one; python -m benchmarks merge.

A run writes its file when it is through. Clips that are run one by one, in several nights, are put together
here, and means, pooled faces and comparisons are worked out over all of them.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import ResultsError
from benchmarks.flags import Commands, add_below
from benchmarks.rate.report import SCHEMA, figures
from benchmarks.rate.results.comparison import compare_all
from benchmarks.rate.results.face_rows import read_face_row
from benchmarks.rate.results.measured import Failure
from benchmarks.rate.results.rows import read_row
from benchmarks.records.json_file import check_kind, results_of, write_json

__all__ = ["add_merge", "merged"]


def add_merge(commands: Commands) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser("merge", help="puts results files of `rate` on different clips together")
    parser.add_argument("results", type=Path, nargs="+", metavar="FILE.json", help="of the same settings and weights")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE.json", help="the file to write")
    add_below(parser)
    parser.set_defaults(run=merge)


def merge(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Writes one file of all. Raises ResultsError where they do not belong together, and OSError."""
    reports = {path.name: _read(path) for path in args.results}
    if len(reports) < len(args.results):
        raise ResultsError("two files of one name: their runs could not be told apart")
    with results_of("rate"):
        report = merged(reports, below_kbps=args.below)
    write_json(args.json, report)
    if len({report["provenance"]["source"]["commit"] for report in reports.values()}) > 1:
        print("these runs are of different commits, which the file lists: was the codec the same?")
    clips = sorted({row["clip"] for report in reports.values() for row in report["rows"]})
    print(f"{args.json}: {len(clips)} clips ({', '.join(clips)}); python -m benchmarks table {args.json} shows them")


def _read(path: Path) -> dict[str, Any]:
    with results_of("rate", path=path):
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        check_kind(report, "rate", schemas=(SCHEMA,))
        return report


def merged(reports: dict[str, dict[str, Any]], *, below_kbps: float | None) -> dict[str, Any]:
    """Reports by their names as one, whose provenance has that of each. Raises ResultsError where they differ."""
    first_name, first = next(iter(reports.items()))
    for name, report in reports.items():
        if differing := [key for key, value in _shared(report).items() if value != _shared(first)[key]]:
            raise ResultsError(f"{name} and {first_name} are not of one run: {', '.join(differing)}")
    rows = [read_row(row) for row in _all(reports, "rows")]
    often = Counter((row.clip, row.codec, row.setting) for row in rows)
    if twice := [key for key, times in often.items() if times > 1]:
        raise ResultsError(f"{' '.join(twice[0]).strip()} is in two files: which of them counts?")
    return {
        **first,
        "provenance": _provenance(reports),
        "settings": {**first["settings"], "streams": _streams(reports)},
        **figures(
            rows,
            compare_all(rows, tuple(first["anchors"]), below_kbps=below_kbps),
            faces=[read_face_row(row) for row in _all(reports, "faces")],
            failures=[Failure(**failure) for failure in _all(reports, "failures")],
        ),
    }


def _all(reports: dict[str, dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return [one for report in reports.values() for one in report[key]]


def _shared(report: dict[str, Any]) -> dict[str, Any]:
    """What has to be the same in all."""
    settings = {key: value for key, value in report["settings"].items() if key != "streams"}
    provenance = report["provenance"]
    return {
        **settings,
        "weights": provenance["weights"],
        "nets": provenance["nets"],
        "anchors": report["anchors"],
        "processor": report["environment"]["cpu"],
        "packages": report["environment"]["packages"],
    }


def _provenance(reports: dict[str, dict[str, Any]]) -> dict[str, Any]:
    of = {name: report["provenance"] for name, report in reports.items()}
    return {
        **next(iter(of.values())),
        "clips": {name: clip for provenance in of.values() for name, clip in provenance["clips"].items()},
        "command": "\n".join(provenance["command"] for provenance in of.values()),
        "sources": {name: provenance["source"] for name, provenance in of.items()},
    }


def _streams(reports: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Of all clips, each once."""
    found: list[dict[str, Any]] = []
    for report in reports.values():
        found += [stream for stream in report["settings"]["streams"] if stream not in found]
    return found
