"""Stage 10, meter (of a demo): the figures of a call from both ends' meters and recordings, and a table of them."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any, Literal

from rich.table import Table

from benchmarks.calls.call import json_lines
from benchmarks.demo.montage import Recording
from benchmarks.errors import BenchmarkError
from codec.pictures.psnr import psnr_db
from codec.units import PTS_PER_S

Kind = Literal["keypoints", "h264"]
KINDS: tuple[Kind, ...] = ("keypoints", "h264")
TITLES: dict[Kind, str] = {"keypoints": "keypoints", "h264": "H.264"}


def measure(original: Recording, received: dict[Kind, Recording], records: Path) -> dict[str, Any]:
    """The demo's figures.

    Bytes are counted at the sender, whose last line also holds the time they took; frames, loss and delay at the
    receiver; PSNR here, on the pictures.
    """
    sent, seen = json_lines(records / "sender.jsonl"), json_lines(records / "receiver.jsonl")
    if not sent or not seen:
        raise BenchmarkError("the call was too short to measure: no meter line was written")
    seconds = max(sent[-1]["time_s"], 1.0)
    freeze = mean(psnr_db(picture, original.pictures[0]) for picture in original.pictures)
    figures: dict[str, Any] = {
        "pictures": len(original.pts),
        "seconds": round((original.pts[-1] + original.pts[-1] - original.pts[-2]) / PTS_PER_S, 2),
        "freeze_psnr_db": round(freeze, 2),
        "connection": {
            "in_kbps": _middle(seen, "connection", "in_kbps"),
            "out_kbps": _middle(seen, "connection", "out_kbps"),
        },
        "stages_ms": {"sender": _stages(sent), "receiver": _stages(seen)},
    }
    for kind in KINDS:
        totals = sent[-1][kind]["totals"]
        names = ("payload", "packet", "wire", "wire_back")
        rates = {f"{name}_kbps": round(totals.get(f"{name}_bytes", 0) * 8 / 1000 / seconds, 2) for name in names}
        arrived = seen[-1][kind]["totals"]
        figures[kind] = {
            **rates,
            **quality(original, received[kind]),
            "loss": round(arrived.get("lost", 0) / max(1, arrived.get("expected", 0)), 4),
            "delay_ms": _middle(seen, kind, "delay_ms"),
        }
    return figures


def quality(original: Recording, received: Recording) -> dict[str, Any]:
    """PSNR as seen (with what was held in place of missing pictures), and of the pictures that came alone."""
    by_pts = dict(zip(original.pts, original.pictures, strict=True))
    coded = [
        psnr_db(by_pts[pts], picture)
        for pts, picture in zip(received.pts, received.pictures, strict=True)
        if pts in by_pts
    ]
    seen = [
        psnr_db(picture, shown)
        for pts, picture in zip(original.pts, original.pictures, strict=True)
        if (shown := received.at(pts)) is not None
    ]
    span = (received.pts[-1] - received.pts[0]) / PTS_PER_S if len(received.pts) > 1 else 0.0
    return {
        "psnr_db": round(mean(seen), 2) if seen else None,
        "psnr_of_coded_db": round(mean(coded), 2) if coded else None,
        "pictures": len(received.pts),
        "fps": round((len(received.pts) - 1) / span, 1) if span else 0.0,
    }


def _middle(lines: Sequence[dict[str, Any]], group: str, name: str) -> float | None:
    values = [line[group][name] for line in lines if line[group][name]]
    return round(median(values), 1) if values else None


def _stages(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    gathered: dict[str, list[float]] = {}
    for line in lines:
        for name, ms in line["stages_ms"].items():
            gathered.setdefault(name, []).append(ms)
    return {name: round(median(values), 1) for name, values in gathered.items()}


def table(figures: dict[str, Any]) -> Table:
    """The meter table."""
    made = Table(
        title=f"{figures['seconds']:.0f} s of call; freezing the first picture: {figures['freeze_psnr_db']:.1f} dB",
        caption="payload, packet, wire and back (acknowledgements) in kbps",
    )
    for heading in ("", "payload", "packet", "wire", "back", "PSNR dB", "fps", "loss", "delay"):
        made.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for kind in KINDS:
        own = figures[kind]
        rates = [f"{own[f'{name}_kbps']:.1f}" for name in ("payload", "packet", "wire", "wire_back")]
        rest = [_shown(own["psnr_db"]), f"{own['fps']:.1f}", f"{own['loss']:.1%}", _shown(own["delay_ms"], "ms")]
        made.add_row(TITLES[kind], *rates, *rest)
    return made


def _shown(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:.0f} {unit}" if unit else f"{value:.1f}"
