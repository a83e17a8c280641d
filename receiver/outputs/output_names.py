"""Receiver, options: what `--output` may say."""

from pathlib import Path

__all__ = ["CAMERA", "FILM_SUFFIXES", "OUTPUT_HELP", "why_no_output"]

FILM_SUFFIXES = (".mp4", ".mkv")
CAMERA = "camera"  # or camera:DEVICE
OUTPUT_HELP = "window, FILE.mp4, FILE.mkv (lossless), camera[:DEVICE] (for other programs), or null (meter only)"


def why_no_output(name: str) -> str | None:
    """What is wrong with the name of an output; None where nothing is."""
    if (
        name in ("window", "null", CAMERA)
        or name.startswith(f"{CAMERA}:")
        or Path(name).suffix.lower() in FILM_SUFFIXES
    ):
        return None
    return f"--output {name}: expected window, null, camera, or a file name that ends in .mp4 or .mkv"
