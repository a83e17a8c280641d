"""Measuring rate: the command line, python -m benchmarks rate."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from benchmarks.clips.degraded import webcam_name
from benchmarks.errors import EncoderFailed, SettingError
from benchmarks.flags import Commands, add_below, add_outputs, add_size, picture_path, positive
from benchmarks.quality.metric_networks import NetFiles
from benchmarks.rate.anchors.setups import ANCHORS
from benchmarks.rate.anchors.streams import Stream, StreamPattern, find_streams, read_pattern
from benchmarks.rate.display.face_tables import show_faces
from benchmarks.rate.display.frames_csv import write_frames
from benchmarks.rate.display.plot import plot_rates
from benchmarks.rate.display.sheet import write_details, write_sheet
from benchmarks.rate.display.tables import show_rate
from benchmarks.rate.left_out import PARTS
from benchmarks.rate.measured_cache import open_cache
from benchmarks.rate.operating_points import Degrade, RateSettings, operating_points
from benchmarks.rate.parallel import measure
from benchmarks.rate.report import rate_report
from benchmarks.rate.results.comparison import compare_all
from benchmarks.rate.results.measured import ClipResult
from benchmarks.rate.run import Keeping
from benchmarks.records.json_file import write_json
from benchmarks.records.provenance import provenance
from benchmarks.records.terminal import progress_by_pieces, tables_console
from codec.weights import files as weights_files


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in _names(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"whole numbers separated by commas, not {text!r}") from error


def _steps(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in _names(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"numbers separated by commas, not {text!r}") from error


def _parts(text: str) -> tuple[str, ...]:
    return tuple(PARTS) if text.strip() == "all" else _names(text)


def _pattern(text: str) -> StreamPattern:
    try:
        return read_pattern(text)
    except SettingError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _what_runs(parser: argparse.ArgumentParser) -> None:
    default = RateSettings()
    parser.add_argument(
        "clips", nargs="+", type=Path, metavar="CLIP", help="any video of a face; the centre square is used"
    )
    add_size(parser, default=default.size)
    parser.add_argument("--seconds", type=float, default=default.seconds, help="of each clip (default %(default)s)")
    parser.add_argument(
        "--anchors", type=_names, default=default.anchors, help=f"of {','.join(ANCHORS)}; '' for none (default all)"
    )
    parser.add_argument(
        "--anchor-streams", type=_pattern, action="append", default=[], metavar="NAME=PATTERN",
        help="what another codec made of the clips, files with {clip}, {size} and one * for the setting in their names,"
        " as 'vvc=vvc/{clip}-{size}-*.266'; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--anchor-cache", type=Path, metavar="FOLDER",
        help="keeps what is measured of all but facewire, and does not measure it again (default: measures all)",
    )  # fmt: skip
    parser.add_argument(
        "--qps", type=_numbers, default=default.qps, help="facewire's, comma-separated (default 20,32,44)"
    )
    parser.add_argument(
        "--perceptual-qps", type=_numbers, default=default.perceptual_qps, metavar="QPS",
        help="of facewire with --tune perceptual (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--one-keyframe-qps",
        type=_numbers,
        default=default.one_keyframe_qps,
        metavar="QPS",
        help=f"of the preset one-keyframe (default {','.join(map(str, default.one_keyframe_qps))})",
    )
    parser.add_argument("--no-residual", dest="residual", action="store_false", help="facewire: the base layer only")
    parser.add_argument("--references", choices=("single", "adaptive"), default=default.references)
    parser.add_argument("--weights", default=default.weights, help="name or .safetensors file (default %(default)s)")
    parser.add_argument(
        "--prototype-steps", type=_steps, default=default.prototype_steps, metavar="STEPS",
        help="the unlearned prototype's quantiser steps, comma-separated; '' for none",
    )  # fmt: skip
    parser.add_argument(
        "--degrade", choices=get_args(Degrade),
        help="a degraded copy of each clip: dark, noisy, MJPEG, 15 pictures a second",
    )  # fmt: skip
    parser.add_argument(
        "--without", type=_parts, default=(), metavar="PARTS",
        help=f"ablation: facewire again without each of these parts, comma-separated, or 'all': {', '.join(PARTS)}",
    )  # fmt: skip
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="clips measured at once (default 1)")
    parser.add_argument(
        "--threads", type=positive,
        help=f"of each job, for the networks and the metrics (default {default.threads}, 1 with --jobs)",
    )  # fmt: skip


def _what_is_measured(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--every", type=int, default=RateSettings().every,
        help="SSIM, LPIPS and identity on every so many frames (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--lpips", type=Path, metavar="DIR", help="folder of the two LPIPS networks")
    parser.add_argument(
        "--landmarks", type=Path, metavar="FILE.tflite", help="MediaPipe's face landmark network: expressions"
    )
    parser.add_argument(
        "--identity", type=Path, metavar="FILE.onnx", help="MobileFaceNet: identity; needs --landmarks too"
    )
    add_below(parser)


def add_rate(commands: Commands) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser("rate", help="kbps against quality, beside video codecs")
    _what_runs(parser)
    _what_is_measured(parser)
    add_outputs(parser, plot="the curves, mean over the clips")
    parser.add_argument("--sheet", type=picture_path, metavar="FILE.png", help="a picture of each clip by every codec")
    parser.add_argument("--details", type=picture_path, metavar="FILE.png", help="eyes and mouth, large")
    parser.add_argument("--frames-csv", type=Path, metavar="FILE.csv", help="the face in every frame by every codec")
    parser.add_argument(
        "--face-sheet",
        type=Path,
        metavar="FOLDER",
        help="a video and ten stills of each clip: original, facewire, SVT-AV1 at about its rate",
    )
    parser.set_defaults(run=rate)


def _streams(args: argparse.Namespace) -> tuple[Stream, ...]:
    """Raises StreamError, SettingError."""
    names = [wanted.name for wanted in args.anchor_streams]
    if len(set(names)) < len(names):
        raise SettingError("two --anchor-streams have the same name")
    clips = [webcam_name(path.stem) if args.degrade == "webcam" else path.stem for path in args.clips]
    return tuple(
        stream for wanted in args.anchor_streams for stream in find_streams(wanted, clips=clips, size=args.size)
    )


def _settings(args: argparse.Namespace) -> RateSettings:
    threads = args.threads or (RateSettings().threads if args.jobs == 1 else 1)
    return RateSettings(
        size=args.size,
        seconds=args.seconds,
        anchors=args.anchors,
        streams=_streams(args),
        qps=args.qps,
        perceptual_qps=args.perceptual_qps,
        one_keyframe_qps=args.one_keyframe_qps,
        residual=args.residual,
        references=args.references,
        weights=args.weights,
        prototype_steps=args.prototype_steps,
        every=args.every,
        threads=threads,
        degrade=args.degrade,
        without=args.without,
    )


def _measure(args: argparse.Namespace, settings: RateSettings, nets: NetFiles) -> list[ClipResult]:
    points = operating_points(settings, shuffled=nets.landmarks is not None)
    total = len(args.clips) * len(points) + len(settings.streams)
    cache = None if args.anchor_cache is None else open_cache(args.anchor_cache, nets)
    keeping = Keeping(args.face_sheet, cache)
    with progress_by_pieces(total, at_once=min(args.jobs, len(args.clips))) as tick:
        return measure(args.clips, settings, nets, jobs=args.jobs, keeping=keeping, tick=tick)


def _write_pictures(args: argparse.Namespace, results: list[ClipResult], settings: RateSettings) -> None:
    rows = [one.row for result in results for one in result.measured]
    if args.plot:
        plot_rates(rows, args.plot, size=settings.size)
    if args.sheet:
        write_sheet(results, args.sheet, anchors=settings.held_against)
    if args.details:
        write_details(results, args.details, anchors=settings.anchors)


def rate(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the rate benchmark and writes what was asked for. Raises EncoderFailed in the end where rows are missing."""
    settings = _settings(args)
    if args.landmarks is None and (args.frames_csv or args.face_sheet):
        raise SettingError("--frames-csv and --face-sheet are of faces, which need --landmarks")
    weights_files.find(settings.weights)  # before anything is measured: a wrong name is told at once
    nets = NetFiles(lpips=args.lpips, landmarks=args.landmarks, identity=args.identity)
    origin = None
    if args.json:  # now, since files and checkout may change while it runs
        origin = provenance(
            command,
            clips=args.clips,
            weights_name=settings.weights,
            metric_networks=nets.files(),
            jobs=args.jobs,
        )
    results = _measure(args, settings, nets)
    measured = [one for result in results for one in result.measured]
    rows = [one.row for one in measured]
    faces = [face for one in measured if (face := one.face) is not None]
    failures = [failure for result in results for failure in result.failures]
    comparisons = compare_all(rows, settings.held_against, below_kbps=args.below)
    console = tables_console()
    show_rate(rows, comparisons, console)
    show_faces(rows, faces, console)
    for failure in failures:
        console.print(str(failure), highlight=False)
    if origin is not None:
        report = rate_report(settings, rows, comparisons, faces=faces, failures=failures, provenance=origin)
        write_json(args.json, report)
    if args.frames_csv:
        write_frames(results, args.frames_csv)
    _write_pictures(args, results, settings)
    if failures:
        raise EncoderFailed(f"rows that are missing: {len(failures)}; {failures[0]}")
