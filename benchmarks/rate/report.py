"""Stage 10, meter (offline): a benchmark's run as JSON, with what it takes to repeat it, and read back."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.rate.anchors.setups import ANCHORS
from benchmarks.rate.operating_points import RateSettings
from benchmarks.rate.results.ablation import ablations
from benchmarks.rate.results.comparison import Comparison
from benchmarks.rate.results.face_rows import FaceRow, pooled_rows, read_face_row
from benchmarks.rate.results.measured import Failure
from benchmarks.rate.results.rows import RateRow, gains, mean_rows, read_row
from benchmarks.records.json_file import check_kind, results_of
from benchmarks.records.provenance import environment

SCHEMA = 2  # 1 had neither provenance nor bytes a frame, identity, landmarks, comparisons below a rate


@dataclass(frozen=True, slots=True)
class Run:
    """What a results file says that tables and plots are made of."""

    name: str
    size: int
    anchors: tuple[str, ...]
    conditions: dict[str, Any]  # what has to agree for two runs to be compared
    weights: str
    rows: tuple[RateRow, ...]  # of the clips; means are worked out again
    faces: tuple[FaceRow, ...] = ()  # the same; none in files from before they were measured
    failures: tuple[Failure, ...] = ()
    machine: str = ""  # where it was measured; "" in files that do not say


def rate_report(
    settings: RateSettings,
    rows: Sequence[RateRow],
    comparisons: Sequence[Comparison],
    *,
    faces: Sequence[FaceRow] = (),
    failures: Sequence[Failure] = (),
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Everything the terminal shows, unrounded: rows per clip, their means, and the comparisons."""
    return {
        "schema": SCHEMA,
        "benchmark": "rate",
        "provenance": provenance,
        "environment": environment(),
        "settings": _settings(settings),
        "codec": asdict(settings.config(settings.middle_qp, residual=settings.residual)),
        "anchors": {name: _held_against(name) for name in settings.held_against},
        **figures(rows, comparisons, faces=faces, failures=failures),
    }


def figures(
    rows: Sequence[RateRow], comparisons: Sequence[Comparison], *, faces: Sequence[FaceRow], failures: Sequence[Failure]
) -> dict[str, Any]:
    """What was measured, and what follows from it, as a results file has them."""
    return {
        "rows": [asdict(row) for row in rows],
        "mean": [asdict(row) for row in mean_rows(rows)],
        "faces": [asdict(row) for row in faces],
        "faces_pooled": [asdict(row) for row in pooled_rows(faces)],
        "gains_over_freeze": [asdict(one) for one in gains(rows)],
        "comparisons": [asdict(one) for one in comparisons],
        "ablations": [asdict(one) for one in ablations(rows)],
        "failures": [asdict(one) for one in failures],
    }


def _settings(settings: RateSettings) -> dict[str, Any]:
    """Streams by their files' names, not by where they lie."""
    stored = asdict(settings)
    stored["streams"] = [{**stream, "file": Path(stream["file"]).name} for stream in stored["streams"]]
    return stored


def _held_against(name: str) -> dict[str, Any]:
    """An anchor's set-up; of streams, which `settings` list with their sha256, only the name is known."""
    setup = ANCHORS.get(name)
    return {"label": name} if setup is None else {**asdict(setup), "options": dict(setup.options)}


def _conditions(report: dict[str, Any]) -> dict[str, Any]:
    settings = report["settings"]
    hashes = {name: clip["sha256"] for name, clip in report.get("provenance", {}).get("clips", {}).items()}
    conditions = {name: settings.get(name) for name in ("size", "seconds", "every", "degrade")}
    return {**conditions, "clips": hashes}


def _weights(report: dict[str, Any]) -> str:
    stored = report.get("provenance", {}).get("weights")
    return f"{stored['name']} ({stored['sha256'][:12]})" if stored else str(report["codec"]["weights"])


def _machine(stored: dict[str, Any]) -> str:
    return f"{stored['cpu']}, {stored['cores']} cores" if stored.get("cpu") and stored.get("cores") else ""


def read_run(path: Path) -> Run:
    """Reads a results file, of schema 1 too. Raises ResultsError, and OSError where there is no file."""
    with results_of("rate", path=path):
        report = json.loads(path.read_text())
        check_kind(report, "rate", schemas=(1, SCHEMA))
        return Run(
            name=path.stem,
            size=int(report["settings"]["size"]),
            anchors=tuple(str(name) for name in report["anchors"]),
            conditions=_conditions(report),
            weights=_weights(report),
            rows=tuple(read_row(row) for row in report["rows"]),
            faces=tuple(read_face_row(row) for row in report.get("faces", ())),
            failures=tuple(Failure(**failure) for failure in report.get("failures", ())),
            machine=_machine(report.get("environment", {})),
        )
