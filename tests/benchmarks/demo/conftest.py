"""Recordings of grey squares, and the figures of a call that was not run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.demo.measure import measure
from benchmarks.demo.montage import Recording

STEP = 3600


def record(count: int, *, shade: int = 0, start: int = 0, size: int = 32) -> Recording:
    pictures = tuple(np.full((size, size, 3), 20 * index + shade, np.uint8) for index in range(count))
    return Recording(tuple(start + index * STEP for index in range(count)), pictures)


@pytest.fixture(name="record")
def _record() -> Callable[..., Recording]:
    return record


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"half": ')


def line(time_s: float, *, payload: int) -> dict[str, Any]:
    flow = {
        "totals": {
            "payload_bytes": payload,
            "packet_bytes": payload,
            "wire_bytes": 2 * payload,
            "lost": 1,
            "expected": 4,
        },
        "delay_ms": 100.0,
        "pts": 0,
    }
    connection = {"in_kbps": 30.0, "out_kbps": 3.0}
    return {"time_s": time_s, "keypoints": flow, "h264": flow, "connection": connection, "stages_ms": {"render": 9.0}}


@pytest.fixture
def figures(tmp_path: Path) -> dict[str, Any]:
    write_lines(tmp_path / "sender.jsonl", [line(1.0, payload=100), line(2.0, payload=2000)])
    write_lines(tmp_path / "receiver.jsonl", [line(1.0, payload=100), line(2.0, payload=2000)])
    received = {"keypoints": record(4, shade=3), "h264": record(2)}
    return measure(record(4), received, tmp_path)  # type: ignore[arg-type]
