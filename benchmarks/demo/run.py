"""Stages 1 to 10, shown: the demo from the clip to the montage, by a whole call over loopback.

Signaling, sender and receiver run as three processes and talk over a real peer connection. The sender codes the clip
with both codecs all the time (compare); the receiver records both pictures with their time stamps. Then original,
keypoints and H.264 are put side by side, and measured against the original as a viewer sees them: a picture that did
not come is the one before it.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.calls.call import STARTUP_S, json_lines, start_call
from benchmarks.calls.processes import Processes
from benchmarks.demo.measure import KINDS, TITLES, Kind, measure, table
from benchmarks.demo.montage import Column, Recording, read_recording, write_montage
from benchmarks.demo.options import DemoOptions
from benchmarks.errors import BenchmarkError, ClipError
from codec.errors import FaceNotFound
from codec.input.video import read_video
from codec.pictures.crop import Crop, centre_crop
from codec.pictures.face import FaceDetector, crop_for_clip
from codec.pictures.psnr import psnr_db
from codec.pictures.video import VideoWriter
from codec.units import PTS_PER_S, Image

LEAST_PICTURES = 2
LOOK_EVERY = 10  # pictures between two that the face is looked for in


def prepare(options: DemoOptions, path: Path) -> Recording:
    """Writes the clip's face square, losslessly, as the sender will read it; the pictures that went in.

    A square clip is taken whole, another is cut to one square about the face, or to its centre where no face is found.
    Raises MediaError, or ClipError for a clip too short.
    """
    limit_pts = round(options.seconds * PTS_PER_S)
    crop: Crop | None = None
    pts_list: list[int] = []
    pictures: list[Image] = []
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
