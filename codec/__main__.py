"""Stages 1 to 10 without a network: python -m codec encode IN OUT.fw | decode OUT.fw OUT.mp4 | info OUT.fw.

`-` is standard input for encode, standard output (Matroska) for decode.

Every bad input ends in one line on stderr and exit code 2, an interrupt in exit code 130; what was written until then
plays. Flags of the codec are made from the fields of `CodecConfig`.
"""

from codec.program.interrupts import end_at_once

if __name__ == "__main__":
    end_at_once()  # while the rest is loaded

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields
from itertools import chain, islice
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from codec.bits.bitstream import CodedFrame
from codec.bits.container import FileHeader, FileReader, FileWriter
from codec.bits.payload_window import WINDOW_S, WindowRates, window_rates
from codec.bits.summary import summarise
from codec.config import PRESETS, CodecConfig
from codec.decisions.first_picture import WAIT_S
from codec.decoder import Decoder
from codec.encoder import Encoder
from codec.errors import BitstreamError, CodecError, MediaError, VersionError
from codec.flags import add_flags, given
from codec.input.clip_sound import ClipSound
from codec.input.names import Name, named_input
from codec.input.video import Video, VideoInfo, open_video
from codec.pictures.clip_crop import ClipCrop
from codec.pictures.face import FaceDetector
from codec.pictures.video import RECONSTRUCTED, STDOUT, VideoWriter
from codec.program.interrupts import Interrupted, Interrupts, leave
from codec.sound import SoundConfig
from codec.sound.in_file import SoundOfFile
from codec.units import PTS_PER_S, Image
from codec.weights.files import load as load_weights
from codec.weights.files import named

__all__ = ["main"]

PROGRAM = "facewire-codec"
_LAST_WORDS = f"{PROGRAM}: interrupted; what was written plays"
PRESET = "file"
_RUNNING = ("threads", "engine", "precision")  # what may differ between those who code and decode a file
FACE_SAMPLES = 12
FACE_SPAN = 750  # pictures from the start of a file among which its face is looked for
HELD_S, HELD_BYTES = 2.0, 1 << 28  # the most of a pipe that is held for that: it can be read once


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CodecError as error:
        print(f"{PROGRAM}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except Interrupted:
        print(_LAST_WORDS, file=sys.stderr)
        return 130
    return 0


def encode(options: argparse.Namespace) -> None:
    """IN -> OUT.fw."""
    source = named_input(options.input, follow=options.follow)
    _refuse_output(source.path, options.output)
    config = _config(options)
    with ExitStack() as stack:
        video = stack.enter_context(open_video(source, stream=options.stream))
        info = video.info()
        pictures, crop = _placed(options, source, video, info)
        encoder = Encoder(config)
        total = min(filter(None, (info.frames, options.limit)), default=0)
        sound_config = None if options.no_sound else SoundConfig(kbps=options.sound_kbps)
        sound = ClipSound(source, sound_config, stream=options.stream, say=_warn)
        header = FileHeader(size=config.size, fps=info.fps, weights=_weights_text(config.weights), sound=sound.is_there)
        spent = list[tuple[int, int, float]]()  # of each frame: pts, payload bits, PSNR
        interrupts = stack.enter_context(Interrupts(last_words=_LAST_WORDS))
        writer = stack.enter_context(FileWriter(options.output, header))
        advance = stack.enter_context(_progress("encoding", total))
        for square, pts, moved in _begun(encoder, _squares(source, pictures, info, crop, size=config.size)):
            interrupts.check()
            if moved:
                encoder.force_keyframe()
            coded = encoder.encode(square, pts=pts)
            if coded.reference is not None:
                encoder.acknowledge(coded.reference.id)  # a file loses nothing
            data = bytes(coded)
            writer.write(data, pts=pts)
            sound.write(writer, until=pts)
            spent.append((pts, 8 * len(data), encoder.report.psnr_db))
            advance(f"{encoder.report.psnr_db:.1f} dB")
        sound.write(writer, until=(spent[-1][0] if spent else 0) + round(PTS_PER_S / info.fps), last=True)
    _tell(options, config.kbps, info, crop, spent)


def _warn(text: str) -> None:
    print(f"{PROGRAM}: {text}", file=sys.stderr)


def _tell(
    options: argparse.Namespace, kbps: float, info: VideoInfo, crop: ClipCrop, coded: Sequence[tuple[int, int, float]]
) -> None:
    """Says on standard output what became of a file whose frames have these pts, payload bits and PSNR."""
    spent = [(pts, bits) for pts, bits, _ in coded]
    end = (spent[-1][0] if spent else 0) + round(PTS_PER_S / info.fps)
    seconds, bits = end / PTS_PER_S, sum(bits for _, bits in spent)
    psnr_db = sum(psnr_db for _, _, psnr_db in coded) / max(len(coded), 1)
    print(
        f"{options.output}: {len(spent)} frames, {seconds:.2f} s, {bits // 8} bytes, "
        f"{bits / seconds / 1000:.2f} kbps, {psnr_db:.2f} dB"
    )
    if kbps:
        print(f"{options.output}: {_kept(window_rates(spent, end=end), kbps)}")
    if crop.found_pts is None and _crops_to_face(options, info):
        print(f"{options.output}: no face was found; the centre square is coded")
    elif crop.found_pts:
        print(f"{options.output}: no face was found before {crop.found_pts / PTS_PER_S:.1f} s; the centre until then")


Square = tuple[Image, int, bool]  # a picture to code, its pts, and whether it is cut from another place than before


def _crops_to_face(options: argparse.Namespace, info: VideoInfo) -> bool:
    return bool((options.crop or ("centre" if info.width == info.height else "face")) == "face")


def _placed(
    options: argparse.Namespace, source: Name, video: Video, info: VideoInfo
) -> tuple[Iterator[tuple[Image, int]], ClipCrop]:
    """The pictures of the video, and where its square is: looked for in a file's first half minute, a pipe's start."""
    pictures = islice(video.pictures(), options.limit)
    if not _crops_to_face(options, info):
        return pictures, ClipCrop(info.height, info.width)
    crop = ClipCrop(info.height, info.width, detector=FaceDetector(options.face_model))
    shape = (info.height, info.width)
    if source.is_pipe or source.is_stream:
        most = max(1, min(round(HELD_S * info.fps), HELD_BYTES // (3 * info.height * info.width)))
        held = list(islice(pictures, most))
        crop.begin_with(image for image, _ in held[:: max(1, len(held) // FACE_SAMPLES)] if image.shape[:2] == shape)
        return chain(held, pictures), crop
    span = min(filter(None, (info.frames, options.limit, FACE_SPAN)))
    step = max(1, span // FACE_SAMPLES)
    with open_video(source, stream=options.stream) as again:
        samples = (convert() for convert, _ in islice(again.frames(), 0, span, step))
        crop.begin_with(image for image in samples if image.shape[:2] == shape)
    return pictures, crop


def _squares(
    source: Name, pictures: Iterator[tuple[Image, int]], info: VideoInfo, crop: ClipCrop, *, size: int
) -> Iterator[Square]:
    """The pictures to code, cropped."""
    for number, (image_rgb, pts) in enumerate(pictures):
        if image_rgb.shape[:2] != (info.height, info.width):
            raise MediaError(f"{source.label}: the picture changes its size after {number} pictures")
        place, moved = crop.at(image_rgb, pts=pts)
        yield place.extract(image_rgb, size), pts, moved


def _begun(encoder: Encoder, squares: Iterator[Square]) -> Iterator[Square]:
    """The same pictures; where one keyframe must do, the encoder has chosen it among the first."""
    if encoder.config.references != "single":
        return squares
    waiting = list[Square]()
    for square in squares:
        waiting.append(square)
        if square[1] > WAIT_S * PTS_PER_S:
            break
    if waiting:
        encoder.begin_with([image for image, _, _ in waiting])
    return chain(waiting, squares)


def decode(options: argparse.Namespace) -> None:
    """OUT.fw -> OUT.mp4 or OUT.mkv, or standard output."""
    _refuse_output(options.input, options.output)
    with FileReader(options.input) as reader:
        config = CodecConfig(size=reader.header.size, weights=_weights_name(options, reader.header.weights))
        decoder = Decoder(config.with_(**given(options, _RUNNING)))
        total = summarise(options.input).frames
        sound = SoundOfFile()
        writer = VideoWriter(options.output, fps=reader.header.fps, comment=RECONSTRUCTED, sound=reader.header.sound)
        # A file has to be finished before it plays; what a pipe was given plays, and nobody may be reading.
        interrupts = Interrupts(last_words=_LAST_WORDS if options.output == STDOUT else None)
        with interrupts, writer, _progress("decoding", total) as advance:
            for record in reader.records():
                interrupts.check()
                try:
                    if record.sound:
                        writer.write_sound(sound.decode(record.data), pts=record.pts)
                        continue
                    image_rgb = decoder.decode(CodedFrame.parse(record.data))
                except CodecError as error:
                    place = f"{options.input}: frame {writer.frames} does not decode"
                    raise BitstreamError(f"{place}: {error}; {writer.frames} frames are written") from error
                writer.write(image_rgb, pts=record.pts)
                advance("")
        if reader.damage is not None:
            written = "these are written" if writer.frames else "nothing is written"
            raise BitstreamError(f"{reader.damage}; {written}")
    piped = options.output == STDOUT
    print(
        f"{'standard output' if piped else options.output}: {writer.frames} frames",
        file=sys.stderr if piped else sys.stdout,
    )


def info(options: argparse.Namespace) -> None:
    """OUT.fw -> JSON on standard output."""
    summary = summarise(options.input)
    print(json.dumps(asdict(summary), indent=2))
    if summary.damage is not None:
        raise BitstreamError(summary.damage)


def _kept(rates: WindowRates, kbps: float) -> str:
    """How well a budget was kept."""
    if rates.first is None:
        return f"shorter than the {WINDOW_S:g} s over which {kbps:g} kbps are meant"
    text = f"the first {WINDOW_S:g} s took {rates.first / kbps:.0%} of {kbps:g} kbps"
    if rates.least is None or rates.most is None:
        return text
    return f"{text}, any other {WINDOW_S:g} s {rates.least / kbps:.0%} to {rates.most / kbps:.0%}"


def _weights_text(name: str) -> str:
    return f"{Path(name).stem}-{load_weights(name).identifier.hex()}"


def _weights_name(options: argparse.Namespace, text: str) -> str:
    """Return the name of the weights to decode with, checked against what the file says it was made with."""
    wanted = text.rpartition("-")[2]
    # By the id alone: a name in a file may be a path, and a file from elsewhere opens no other.
    known = named(bytes.fromhex(wanted)) if re.fullmatch("[0-9a-f]{8}", wanted) else None
    name: str | None = options.weights or known
    if name is None:
        raise VersionError(
            f"{options.input}: made with weights {text}, which are none of ours; --weights FILE gives them"
        )
    if load_weights(name).identifier.hex() != wanted:
        raise VersionError(f"{options.input}: made with weights {text}; here they are {_weights_text(name)}")
    return name


def _refuse_output(source: Path | None, target: Path) -> None:
    """Before any work: a target that is the source, or whose folder is not there."""
    if not target.parent.is_dir():
        raise MediaError(f"{target}: there is no folder {target.parent}")
    if source is not None and target.exists() and source.exists() and target.samefile(source):
        raise MediaError(f"{target}: input and output are one file")


@contextmanager
def _progress(what: str, total: int) -> Iterator[Any]:
    """Show a bar on a terminal, nothing elsewhere; yields a function that counts one more, with a note."""
    console = Console(stderr=True)
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total or None, note="")
        yield lambda note: progress.update(task, advance=1, note=note)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description="Code a face video into a .fw file, and back.")
    commands = parser.add_subparsers(required=True, metavar="encode|decode|info")

    coding = commands.add_parser("encode", help="video -> .fw", description="Code a video, any that PyAV reads.")
    coding.add_argument("input", metavar="IN", help="a file, a URL that PyAV reads, or - for standard input")
    coding.add_argument("output", type=Path, metavar="OUT.fw")
    coding.add_argument("--limit", type=_count, metavar="FRAMES", help="code only so many pictures")
    coding.add_argument("--stream", type=_number, metavar="N", help="of IN, from 0; default: the one ffmpeg would pick")
    coding.add_argument("--follow", action="store_true", help="let IN name others: playlists, redirects")
    coding.add_argument("--crop", choices=("face", "centre"), help="default: face, or centre where IN is square")
    coding.add_argument("--face-model", type=Path, metavar="ONNX", help="YuNet model in place of OpenCV's cascade")
    coding.add_argument("--preset", choices=tuple(PRESETS), default=PRESET, help="what the flags below start from")
    coding.add_argument("--no-sound", action="store_true", help="leave the sound of IN out")
    coding.add_argument("--sound-kbps", type=float, default=SoundConfig().kbps, help="6 to 24 (default: %(default)g)")
    add_flags(coding, CodecConfig, unset=True)
    coding.set_defaults(run=encode)

    decoding = commands.add_parser("decode", help=".fw -> video", description="Decode to H.264, or losslessly to FFV1.")
    decoding.add_argument("input", type=Path, metavar="IN.fw")
    decoding.add_argument("output", type=Path, metavar="OUT.mp4|OUT.mkv|-")
    decoding.add_argument("--weights", help="name or file of the weights; default: those the file names")
    add_flags(decoding, CodecConfig, only=_RUNNING, unset=True)
    decoding.set_defaults(run=decode)

    telling = commands.add_parser("info", help="what a .fw file holds, as JSON")
    telling.add_argument("input", type=Path, metavar="IN.fw")
    telling.set_defaults(run=info)
    return parser


def _config(options: argparse.Namespace) -> CodecConfig:
    return PRESETS[options.preset].with_(**given(options, [field.name for field in fields(CodecConfig)]))


def _number(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("streams are numbered from 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1 frame")
    return value


if __name__ == "__main__":
    leave(main())
