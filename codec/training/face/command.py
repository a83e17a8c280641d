"""Training, faces, command line: python -m codec.training faces DIR... [--heldout DIR] [--out FOLDER] [--steps ...]."""

import argparse
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rich.console import Console

from codec.errors import CodecError
from codec.flags import add_flags, from_flags
from codec.training.face.course import begin, fit, learn_points, learn_windows, record
from codec.training.face.finish import finish
from codec.training.face.loop import process_rank, start_processes, stop_processes
from codec.training.face.options import POINT_LESSONS, WINDOW_LESSONS, FaceOptions

__all__ = ["main"]

_DESCRIPTION = """\
Train the face's networks: landmarks, the expression basis, and the generators of mouth and eyes.

  record         the encoder over every clip, as a viewer sees it; needs PyAV, as finish does
  landmarks      112 points of the whole face; mouth_points, eye_points: those of a window, at the picture's resolution
  shape          mean shape and expression basis
  mouth, eye     what is drawn into the picture
  finish         counts tables, scores held-out people, writes model.safetensors and its card

Every step goes on from what OUT has of it; give the same command again after an interruption.
"""
_EPILOG = """\
examples:
  everything on a CPU        python -m codec.training faces clips --heldout others --perceptual lpips
  two processes              torchrun --nproc-per-node 2 -m codec.training faces clips --heldout others
  the mouth for longer       python -m codec.training faces clips --steps mouth,finish --minutes-scale 2
"""


def main(arguments: Sequence[str]) -> int:
    """Exit code 0, or 2 with one line on stderr."""
    try:
        options = _parse(arguments)
        start_processes(options.device)
        _run(options, Console(quiet=process_rank() != 0))
    except CodecError as error:
        print(f"facewire training: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("facewire training: stopped; the same command goes on from the last score", file=sys.stderr)
        return 130
    finally:
        stop_processes()
    return 0


def _run(options: FaceOptions, console: Console) -> None:
    course = begin(options, console=console)
    course.say(f"{len(course.training)} clips to train on, {len(course.heldout)} held out")
    if "record" in options.steps:
        record(course)
    learn_points(course, [name for name in POINT_LESSONS if name in options.steps])
    if "shape" in options.steps:
        fit(course)
    learn_windows(course, [name for name in WINDOW_LESSONS if name in options.steps])
    if "finish" in options.steps and process_rank() == 0:
        path = finish(course)
        course.say(f"weights {path}, card {path.with_name('model-faces.md')}, log and curves beside them")


def _parse(arguments: Sequence[str]) -> FaceOptions:
    parser = argparse.ArgumentParser(
        prog="python -m codec.training faces",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of labelled face clips")
    add_flags(parser, FaceOptions, only=[item.name for item in fields(FaceOptions) if item.name != "folders"])
    return from_flags(FaceOptions, parser.parse_args(arguments))
