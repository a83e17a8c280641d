"""Measuring engines: the command line, python -m benchmarks engines."""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.clips.sample import SAMPLE
from benchmarks.engines.plot import plot_engines
from benchmarks.engines.report import engine_report, engines_markdown, read_engines, show_engines
from benchmarks.engines.rows import EngineSettings
from benchmarks.errors import SettingError
from benchmarks.flags import Commands, add_clips, add_outputs, add_sizes, add_threads, add_timing, positive
from benchmarks.quality.metric_networks import NetFiles
from benchmarks.quality.metrics import EVERY
from benchmarks.records.kind import ResultsKind
from benchmarks.records.provenance import provenance
from benchmarks.records.terminal import progress_of

ENGINES = ResultsKind(read_engines, show_engines, plot_engines, engines_markdown)
ABOUT = """\
Compares what can run the codec's networks, so that engine and precision are picked by measurement, on your machine.

First each graph alone (python -m codec.export says what the graphs are), on what real frames give it: torch in f32 and
bf16, OpenVINO in f32, bf16 and int8, and ONNX Runtime in f32 and int8 where it is installed, which the codec does not
need: pip install -c constraints.txt onnxruntime onnx. Milliseconds, size of the weights, errors against torch f32.
Engines take turns run by run, so that whatever else the machine does disturbs all of them. It does not disturb them
alike: take figures, ratios too, on a machine that does nothing else.

Then whole streams: each clip is coded once, and the very same bytes are decoded in each precision, and in int8 for one
network at a time. PSNR and LPIPS say what a precision costs, the milliseconds of a frame what it saves. It is worth
having where the time falls and the quality does not.

examples:
  python -m benchmarks engines                                 the bundled clip, both sizes: some five minutes
  python -m benchmarks engines --size 256 --seconds 2 --runs 10       a quick look
  python -m benchmarks engines a.mp4 b.mp4 --lpips nets/lpips --json engines.json --plot engines.png
  python -m benchmarks table engines.json                      the tables again
"""


def add_engines(commands: Commands) -> None:
    """Adds the subcommand."""
    default = EngineSettings()
    says = "what runs the networks: milliseconds, errors and quality by engine and precision"
    parser = add_timing(commands, "engines", says=says, about=ABOUT)
    add_clips(parser, default=SAMPLE)
    add_sizes(parser)
    parser.add_argument("--seconds", type=float, default=default.seconds, help="of each clip (default %(default)g)")
    parser.add_argument(
        "--runs", type=positive, default=default.runs, metavar="N", help="of each graph, timed (default %(default)s)"
    )
    add_threads(parser, default=default.threads, of="of each engine, and the cores that everything is held to")
    parser.add_argument("--weights", default=default.weights, help="name or .safetensors file (default %(default)s)")
    parser.add_argument(
        "--lpips", type=Path, metavar="DIR", help=f"folder of the two LPIPS networks; on each {EVERY}rd frame"
    )
    add_outputs(parser, plot="milliseconds by graph for each engine")
    parser.set_defaults(run=engines)


def engines(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the comparison and writes what was asked for."""
    if find_spec("openvino") is None:
        raise SettingError(
            "OpenVINO is not installed, and it is what the others are compared with: pip install openvino"
        )
    from benchmarks.engines.run import measure_engines  # needs OpenVINO, which the other benchmarks can do without

    settings = EngineSettings(
        sizes=tuple(sorted(set(args.sizes or EngineSettings().sizes))),
        seconds=args.seconds,
        runs=args.runs,
        threads=args.threads,
        weights=args.weights,
    )
    nets = NetFiles(lpips=args.lpips)
    lpips = nets.load().lpips
    origin = provenance(command, clips=args.clips, weights_name=settings.weights, metric_networks=nets.files())
    with progress_of(settings.units(len(args.clips))) as tick:
        result = measure_engines(args.clips, settings, lpips=lpips, tick=tick)
    ENGINES.put_out(engine_report(settings, result, provenance=origin), json=args.json, plot=args.plot)
