"""Stage 10, meter (offline): a benchmark's run as JSON, with what it takes to repeat it."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import av
import torch

from benchmarks.anchors import ANCHORS
from benchmarks.rate import RateSettings
from benchmarks.rows import Comparison, RateRow, gains, mean_rows
from codec import CodecConfig

SCHEMA = 1
PACKAGES = ("facewire", "torch", "av", "numpy", "opencv-python", "constriction", "pytorch-msssim", "bjontegaard")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def cpu_name() -> str:
    """The processor as the kernel names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def environment() -> dict[str, Any]:
    """Versions and the machine: timings mean nothing without them."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "packages": {name: _version(name) for name in PACKAGES},
        "libraries": {name: ".".join(map(str, version)) for name, version in av.library_versions.items()},
    }


def rate_report(
    settings: RateSettings, rows: Sequence[RateRow], comparisons: Sequence[Comparison], *, lpips: bool
) -> dict[str, Any]:
    """Everything the terminal shows, unrounded: rows per clip, their means, and the comparisons."""
    return {
        "schema": SCHEMA,
        "benchmark": "rate",
        "environment": environment(),
        "settings": {**asdict(settings), "lpips": lpips},
        "codec": asdict(CodecConfig(size=settings.size)),
        "anchors": {
            name: {**asdict(ANCHORS[name]), "options": dict(ANCHORS[name].options)} for name in settings.anchors
        },
        "rows": [asdict(row) for row in rows],
        "mean": [asdict(row) for row in mean_rows(rows)],
        "gains_over_freeze": [asdict(one) for one in gains(rows)],
        "comparisons": [asdict(one) for one in comparisons],
    }


def write_json(path: Path, report: dict[str, Any]) -> None:
    """Indented, with a newline at the end; parent folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
