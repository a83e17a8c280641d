"""Stage 10, meter, for files: where the bytes of a `.fw` file went, told without decoding a picture."""

from dataclasses import dataclass
from pathlib import Path

from codec.bits.bitstream import CodedFrame
from codec.bits.container import FileReader
from codec.bits.payload_window import window_rates
from codec.errors import BitstreamError
from codec.units import PTS_PER_S

__all__ = ["FileSummary", "summarise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSummary:
    """Payload bytes of a file by part: the file's own framing is in `file_bytes` alone.

    keyframe_bytes are the reference halves of keyframes, reference_bytes those of all later references, motion_bytes
    all motion halves; payload_bytes and all rates are of pictures, sound_bytes of sound messages. The
    rates in five seconds are those of `codec.bits.payload_window`. `damage` says where and why a file ends early.
    """

    frames: int
    fps: float
    seconds: float
    size: int
    weights_id: str
    keyframes: int
    references: int
    keyframe_bytes: int
    reference_bytes: int
    motion_bytes: int
    payload_bytes: int
    sound_bytes: int
    file_bytes: int
    kbps: float
    motion_kbps: float
    least_kbps_in_5_s: float | None
    most_kbps_in_5_s: float | None
    first_5_s_kbps: float | None
    damage: str | None


def summarise(path: Path) -> FileSummary:
    """Read a file through; MediaError if it cannot be opened, BitstreamError if it is no such file."""
    keyframes = references = keyframe_bytes = reference_bytes = motion_bytes = sound_bytes = frames = 0
    spent: list[tuple[int, int]] = []
    with FileReader(path) as reader:
        damage = None
        for record in reader.records():
            if record.sound:
                sound_bytes += len(record.data)
                continue
            try:
                coded = CodedFrame.parse(record.data)
            except BitstreamError as error:
                damage = f"{path}: frame {frames} is malformed: {error}"
                break
            reference, motion = coded.split()
            if reference is not None and coded.is_keyframe:
                keyframes, keyframe_bytes = keyframes + 1, keyframe_bytes + len(bytes(reference))
            elif reference is not None:
                references, reference_bytes = references + 1, reference_bytes + len(bytes(reference))
            motion_bytes += 0 if motion is None else len(bytes(motion))
            spent.append((record.pts, 8 * len(record.data)))
            frames += 1
        header, damage = reader.header, damage or reader.damage
    first_pts, last_pts = (spent[0][0], spent[-1][0]) if spent else (0, 0)
    span = (last_pts - first_pts) / PTS_PER_S
    fps = (frames - 1) / span if frames > 1 else float(header.fps)
    seconds = frames / fps
    rates = window_rates(spent, end=first_pts + round(seconds * PTS_PER_S))
    payload = keyframe_bytes + reference_bytes + motion_bytes
    return FileSummary(
        frames=frames,
        fps=round(fps, 3),
        seconds=round(seconds, 3),
        size=header.size,
        weights_id=header.weights,
        keyframes=keyframes,
        references=references,
        keyframe_bytes=keyframe_bytes,
        reference_bytes=reference_bytes,
        motion_bytes=motion_bytes,
        payload_bytes=payload,
        sound_bytes=sound_bytes,
        file_bytes=path.stat().st_size,
        kbps=_kbps(payload, seconds),
        motion_kbps=_kbps(motion_bytes, seconds),
        least_kbps_in_5_s=_rounded(rates.least),
        most_kbps_in_5_s=_rounded(rates.most),
        first_5_s_kbps=_rounded(rates.first),
        damage=damage,
    )


def _rounded(kbps: float | None) -> float | None:
    return None if kbps is None else round(kbps, 3)


def _kbps(size: int, seconds: float) -> float:
    return round(size * 8 / seconds / 1000, 3) if seconds else 0.0
