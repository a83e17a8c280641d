"""Stages 1 to 10, timed: every figure of the speed benchmark, each from processes started for it alone."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.calls.call import SETTLE_S, CallRun, run_call
from benchmarks.calls.pinning import load_before, pinned
from benchmarks.calls.processes import ProcessFailed
from benchmarks.clips.clip import check_clips, write_looping
from benchmarks.errors import SettingError
from benchmarks.records.provenance import ROOT
from benchmarks.records.terminal import Tick
from benchmarks.speed.codec_times import ClipTimes
from benchmarks.speed.rows import CALL_FPS, SpeedRow, StageRow, call_rows, codec_rows, row, stage_rows, weights_row

COLD_LIMIT_S = 120.0
LEAST_CALL_S = 4.0  # meters come once a second


@dataclass(frozen=True, slots=True)
class SpeedSettings:
    """How much is measured, and on how many cores."""

    sizes: tuple[int, ...] = (256, 512)
    seconds: float = 10.0  # of each clip, through the codec
    call_seconds: float = 20.0  # of each call that counts; 0: no calls
    cold_runs: int = 5
    threads: int = 2

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise SettingError(f"--seconds {self.seconds:g}: expected more than 0")
        if self.call_seconds and self.call_seconds < LEAST_CALL_S:
            raise SettingError(f"--call-seconds {self.call_seconds:g}: 0, or {LEAST_CALL_S:g} and more")

    def units(self, clips: int) -> int:
        """How many pieces of work there are, of those that `Tick` is told about."""
        return len(self.sizes) * (clips * (1 + (self.call_seconds > 0)) + 1)


@dataclass(frozen=True, slots=True)
class SpeedResult:
    """All rows, over all clips and clip by clip, and where everything ran."""

    rows: tuple[SpeedRow, ...]
    stages: tuple[StageRow, ...]
    clips: tuple[dict[str, Any], ...]
    cores: tuple[int, ...]
    load_before: float | None  # processes that ran or waited in the minute before, where the system tells


def measure_speed(clips: Sequence[Path], settings: SpeedSettings, *, tick: Tick = lambda *_: None) -> SpeedResult:
    """Everything, size by size. Raises ClipError, SettingError, ProcessFailed, CallTooShort, MediaError."""
    check_clips(clips, size=min(settings.sizes))
    rows: list[SpeedRow] = []
    stages: list[StageRow] = []
    by_clip: list[dict[str, Any]] = []
    load = load_before()
    with pinned(settings.threads) as cores:
        for size in settings.sizes:
            times = [time_in_child(clip, size, settings, tick=tick) for clip in clips]
            rows += codec_rows([one for one, _ in times])
            stages += stage_rows([one for one, _ in times])
            rows.append(cold_start(times[0][1], size, settings, tick=tick))
            runs = [call(clip, size, settings, tick=tick) for clip in clips] if settings.call_seconds else []
            rows += call_rows(runs, size=size) if runs else []
            for index, (one, _) in enumerate(times):
                own = [*codec_rows([one]), *(call_rows([runs[index]], size=size) if runs else [])]
                by_clip.append({"clip": one.clip, "size": size, "rows": [asdict(each) for each in own]})
    rows.append(weights_row(ROOT / "codec"))
    return SpeedResult(tuple(rows), tuple(stages), tuple(by_clip), cores, load)


def time_in_child(clip: Path, size: int, settings: SpeedSettings, *, tick: Tick) -> tuple[ClipTimes, bytes]:
    """One clip's times and its first coded frame, from a fresh interpreter that loads the codec and nothing else."""
    name = f"{clip.stem} {size}: codec"
    flags = ["--size", str(size), "--seconds", str(settings.seconds), "--threads", str(settings.threads)]
    command = [sys.executable, "-m", "benchmarks.speed.codec_times", str(clip), *flags]
    told: dict[str, Any] = {}
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as child:
            assert child.stdout is not None
            for line in child.stdout:
                told = json.loads(line)
                tick(name, told.get("percent", 100) / 100)
        if child.returncode:
            errors.seek(0)
            said = errors.read().strip().splitlines()
            raise ProcessFailed(f"timing the codec failed: {said[-1] if said else f'status {child.returncode}'}")
    tick(name, 1.0)
    return ClipTimes.read(told["times"]), bytes.fromhex(told["first_frame"])


def cold_start(first_frame: bytes, size: int, settings: SpeedSettings, *, tick: Tick) -> SpeedRow:
    """Wall seconds of whole processes that import the codec and show one frame; one more before fills file caches."""
    seconds: list[float] = []
    spent: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="facewire-cold-") as folder:
        path = Path(folder) / "frame"
        path.write_bytes(first_frame)
        command = [sys.executable, "-m", "benchmarks.speed.cold_start", str(path), str(settings.threads)]
        for index in range(settings.cold_runs + 1):
            start_s = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, timeout=COLD_LIMIT_S, check=False)
            seconds.append(time.perf_counter() - start_s)
            if done.returncode:
                raise ProcessFailed(f"the cold start failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
            spent.append(json.loads(done.stdout))
            tick(f"cold start {size}", (index + 1) / (settings.cold_runs + 1))
    details = {name: sum(one[name] for one in spent[1:]) / settings.cold_runs for name in spent[0]}
    return row("cold_start", size, "s", seconds[1:], details=details)


def call(clip: Path, size: int, settings: SpeedSettings, *, tick: Tick) -> CallRun:
    """A call over loopback, the clip played to and fro at the frame rate that is to be held."""
    name = f"{clip.stem} {size}: call"
    with tempfile.TemporaryDirectory(prefix="facewire-speed-") as text:
        folder = Path(text)
        write_looping(clip, folder / "clip.mp4", size=size, seconds=settings.seconds, fps=CALL_FPS[size])
        total_s = settings.call_seconds + SETTLE_S
        run = run_call(
            folder / "clip.mp4",
            folder,
            size=size,
            seconds=settings.call_seconds,
            receiver=["--output", "null"],
            watch=lambda passed_s: tick(name, min(1.0, passed_s / total_s)),
        )
    tick(name, 1.0)
    return run
