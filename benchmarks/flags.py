"""Measuring: what the subcommands' flags have in common."""

import argparse
from pathlib import Path

LEAST_WIDTH = 190  # columns that the tables need where the output is not a terminal
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on, not {text!r}")
    return int(text)


def picture_path(text: str) -> Path:
    """The name of a picture to write."""
    path = Path(text)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} should end in one of {', '.join(PICTURE_SUFFIXES)}")
    return path
