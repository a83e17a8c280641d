"""The demo: `python -m benchmarks.demo`, a whole call over loopback, keypoints and H.264 at the same time.

Signaling, sender and receiver run as three processes and talk over a real peer connection. The sender codes the clip
with both codecs all the time (compare); the receiver records both pictures with their time stamps. Then original,
keypoints and H.264 are put side by side, and measured against the original as a viewer sees them: a picture that did
not come is the one before it.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from types import FrameType
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.calls.call import STARTUP_S, json_lines, start_call
from benchmarks.calls.processes import Processes
from benchmarks.demo.montage import Column, Picture, Recording, psnr_db, read_recording, write_montage
from benchmarks.errors import BenchmarkError, ClipError
from codec.errors import CodecError, FaceNotFound
from codec.pictures.crop import Crop, centre_crop
from codec.pictures.face import FaceDetector, crop_for_clip
from codec.pictures.video import VideoWriter, read_video
from codec.units import PTS_PER_S

__all__ = ["main"]

SAMPLE = Path(__file__).parents[1] / "clips" / "data" / "sample.mp4"
LEAST_PICTURES = 2
LOOK_EVERY = 10  # pictures between two that the face is looked for in

Kind = Literal["keypoints", "h264"]
KINDS: tuple[Kind, ...] = ("keypoints", "h264")
TITLES: dict[Kind, str] = {"keypoints": "keypoints", "h264": "H.264"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What is shown, how long, how, and where it goes."""

    input: Path = SAMPLE
    seconds: float = 10.0
    out: Path = Path("out")
    size: int = 256
    h264_kbps: float = 30.0


def prepare(options: DemoOptions, path: Path) -> Recording:
    """Writes the clip's face square, losslessly, as the sender will read it; the pictures that went in.

    A square clip is taken whole, another is cut to one square about the face, or to its centre where no face is found.
    Raises MediaError, or ClipError for a clip too short.
    """
    limit_pts = round(options.seconds * PTS_PER_S)
    crop: Crop | None = None
    pts_list: list[int] = []
    pictures: list[Picture] = []
    with VideoWriter(path) as writer:
        for image_rgb, pts in read_video(options.input):
            if pts >= limit_pts:
                break
            crop = crop or _crop(options.input, *image_rgb.shape[:2])
            pictures.append(crop.extract(image_rgb, options.size))
            pts_list.append(pts)
            writer.write(pictures[-1], pts=pts)
    if len(pictures) < LEAST_PICTURES:
        raise ClipError(f"{options.input}: {len(pictures)} pictures, at least {LEAST_PICTURES} are needed")
    return Recording(tuple(pts_list), tuple(pictures))


def _crop(path: Path, height: int, width: int) -> Crop:
    if height == width:
        return centre_crop(height, width)
    looked_at = (image for index, (image, _) in enumerate(read_video(path, limit=250)) if index % LOOK_EVERY == 0)
    try:
        return crop_for_clip(looked_at, FaceDetector())
    except FaceNotFound:
        return centre_crop(height, width)


def call(options: DemoOptions, clip: Path, records: Path, progress: Progress) -> None:
    """Runs the three processes until the clip is through. Raises ProcessFailed."""
    seconds = options.seconds
    with Processes(options.out / "logs") as processes:
        task = progress.add_task("starting", total=None)
        receiver_json, sender_json = (str(records / f"{name}.jsonl") for name in ("receiver", "sender"))
        start_call(
            processes,
            size=options.size,
            receiver=["--output", "null", "--record", str(records), "--json", receiver_json],
            sender=["--input", str(clip), "--compare", "--h264-kbps", str(options.h264_kbps), "--json", sender_json],
        )
        progress.update(task, description="calling", total=seconds, completed=0)
        _watch(processes, records / "receiver.jsonl", progress, task, give_up_s=seconds + STARTUP_S)
        processes.stop("receiver")


def _watch(processes: Processes, meter: Path, progress: Progress, task: TaskID, *, give_up_s: float) -> None:
    """Shows the receiver's meter until the sender has ended."""
    start_s = time.monotonic()
    while not processes.has_ended("sender") and time.monotonic() - start_s < give_up_s:
        lines = json_lines(meter)
        if lines:
            newest = lines[-1]
            done_s = max(newest[kind]["pts"] or 0 for kind in KINDS) / PTS_PER_S
            progress.update(task, completed=done_s, description=f"calling   {_glance(newest)}")
        time.sleep(0.2)
    progress.update(task, completed=give_up_s)


def _glance(line: dict[str, Any]) -> str:
    flows = ((TITLES[kind], line[kind]) for kind in KINDS)
    return "   ".join(f"{title} {flow['payload_kbps']:.1f} kbps {flow['fps']:.0f} fps" for title, flow in flows)


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


def columns(original: Recording, received: dict[Kind, Recording], figures: dict[str, Any]) -> list[Column]:
    """What the montage shows, with each picture's own PSNR and the call's kbps burnt in."""
    by_pts = dict(zip(original.pts, original.pictures, strict=True))

    def column(kind: Kind) -> Column:
        recording, own = received[kind], figures[kind]

        def caption(pts: int) -> str:
            picture = recording.at(pts)
            psnr = "" if picture is None else f"   PSNR {psnr_db(by_pts[pts], picture):.1f} dB"
            return f"{own['payload_kbps']:.1f} kbps payload, {own['wire_kbps']:.1f} wire{psnr}"

        mean_db = "" if own["psnr_db"] is None else f"   mean {own['psnr_db']:.1f} dB"
        label = "reconstructed" if kind == "keypoints" else "decoded"
        return Column(f"{TITLES[kind]}{mean_db}", recording, caption, label=label)

    size = original.pictures[0].shape[0]
    return [Column("original", original, lambda pts: f"{size}x{size}   {pts / PTS_PER_S:.2f} s"), *map(column, KINDS)]


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


def run(options: DemoOptions, console: Console) -> None:
    """The whole demo. Raises BenchmarkError, CodecError or OSError, each with one line that says why."""
    options.out.mkdir(parents=True, exist_ok=True)
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True)
    with tempfile.TemporaryDirectory(prefix="facewire-demo-") as folder, bar as progress:
        records, clip = Path(folder), Path(folder) / "clip.mkv"
        task = progress.add_task(f"reading {options.input.name}", total=None)
        original = prepare(options, clip)
        progress.remove_task(task)
        call(options, clip, records, progress)
        received = {kind: read_recording(records / f"{kind}.mkv").snapped(original.pts) for kind in KINDS}
        figures = {"input": str(options.input), **measure(original, received, records)}
        task = progress.add_task("writing the video", total=len(original.pts))
        for count in write_montage(options.out / "demo.mp4", columns(original, received, figures)):
            progress.update(task, completed=count)
    (options.out / "demo.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    console.print(table(figures))
    console.print(f"video   {options.out / 'demo.mp4'}", highlight=False, soft_wrap=True)
    console.print(f"figures {options.out / 'demo.json'}", highlight=False, soft_wrap=True)
    if not received["keypoints"].pts:
        raise BenchmarkError(f"no keypoint picture arrived: see {options.out / 'logs'}")


def _parse(argv: Sequence[str] | None) -> DemoOptions:
    defaults = DemoOptions()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.demo", description="A call over loopback, side by side."
    )
    parser.add_argument("--input", type=Path, default=defaults.input, help="clip (default: the bundled sample)")
    parser.add_argument("--seconds", type=float, default=defaults.seconds, help="how much of it (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=defaults.out, help="where results go (default: %(default)s)")
    parser.add_argument("--size", type=int, default=defaults.size, choices=(256, 512), help="side of the face square")
    parser.add_argument(
        "--h264-kbps", type=float, default=defaults.h264_kbps, help="bitrate of H.264 (default: %(default)s)"
    )
    options = DemoOptions(**vars(parser.parse_args(argv)))
    if options.seconds <= 0:
        parser.error(f"--seconds {options.seconds:g}: expected more than 0")
    return options


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the demo as an interrupt does: through every block that has something to clean up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo. Returns 0; 1 after one line that says what failed; 130 when interrupted."""
    options = _parse(argv)
    try:
        with _terminable():
            run(options, Console(highlight=False))
    except (BenchmarkError, CodecError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
