"""Codes the pictures of a video and decodes them again through the programming interface; prints kbps and PSNR.

    python examples/code_file.py IN.mp4 OUT.mp4 --qp 34

The centre square is coded. Nothing here knows a network: the bytes are what a call would send as payload.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codec.input.video import probe_video, read_video
from codec.pictures.crop import centre_crop
from codec.pictures.psnr import psnr_db
from codec.pictures.video import VideoWriter
from codec.units import PTS_PER_S
from facewire import CodecConfig, CodecError, CodedFrame, Decoder, Encoder

SYNTHESIS = "Reconstructed by facewire: a synthesised picture, not a camera recording."


@dataclass(frozen=True, slots=True)
class Result:
    """What coding a clip took and left."""

    pictures: int
    kbps: float
    psnr_db: float  # RGB, of the coded square, mean over the pictures


def code(source: Path, output: Path, *, config: CodecConfig, limit: int | None = None) -> Result:
    """Codes `source`, and writes what a receiver would show to `output`."""
    info = probe_video(source)
    crop = centre_crop(info.height, info.width)
    encoder, decoder = Encoder(config), Decoder(config)  # one of each for a stream: later frames need what they hold
    coded_bytes, decibels, pts = 0, list[float](), 0
    with VideoWriter(output, fps=info.fps, comment=SYNTHESIS) as writer:
        for image_rgb, pts in read_video(source, limit=limit):
            square_rgb = crop.extract(image_rgb, config.size)
            data = bytes(encoder.encode(square_rgb, pts=pts))
            coded_bytes += len(data)
            decoded_rgb = decoder.decode(CodedFrame.parse(data))
            decibels.append(psnr_db(decoded_rgb, square_rgb))
            writer.write(decoded_rgb, pts=pts)
    seconds = pts / PTS_PER_S + float(1 / info.fps)
    return Result(len(decibels), coded_bytes * 8 / 1000 / seconds, sum(decibels) / len(decibels))


def main(arguments: Sequence[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(description="Codes a video's pictures and decodes them again.")
    parser.add_argument("input", type=Path, metavar="IN")
    parser.add_argument("output", type=Path, metavar="OUT.mp4")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--qp", type=int, default=34, help="0 (best) to 63 (fewest bits)")
    parser.add_argument("--limit", type=int, help="so many pictures")
    options = parser.parse_args(arguments)
    try:
        config = CodecConfig(size=options.size, qp=options.qp)
        result = code(options.input, options.output, config=config, limit=options.limit)
    except CodecError as error:
        print(f"code_file: {error}", file=sys.stderr)
        return 2
    print(f"{result.pictures} pictures, {result.kbps:.2f} kbps, {result.psnr_db:.2f} dB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
