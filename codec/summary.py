"""Stage 10, meter, for files: where the bytes of a `.fw` file went, told without decoding a picture."""

from dataclasses import dataclass
from pathlib import Path

from codec.bitstream import CodedFrame
from codec.container import TIME_BASE, FileReader
from codec.errors import BitstreamError

__all__ = ["FileSummary", "summarise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSummary:
    """Payload bytes of a file by part: the file's own framing is in `file_bytes` alone.

    keyframe_bytes are the reference halves of keyframes, reference_bytes those of all later references, motion_bytes
    all motion halves. `damage` says where and why a file ends early.
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
    file_bytes: int
    kbps: float
    motion_kbps: float
    damage: str | None


def summarise(path: Path) -> FileSummary:
    """Read a file through; MediaError if it cannot be opened, BitstreamError if it is no such file."""
    keyframes = references = keyframe_bytes = reference_bytes = motion_bytes = frames = 0
    first_pts = last_pts = 0
    with FileReader(path) as reader:
        damage = None
        for record in reader:
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
            first_pts = record.pts if frames == 0 else first_pts
            frames, last_pts = frames + 1, record.pts
        header, damage = reader.header, damage or reader.damage
    span = (last_pts - first_pts) / TIME_BASE
    fps = (frames - 1) / span if frames > 1 else float(header.fps)
    seconds = frames / fps
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
        file_bytes=path.stat().st_size,
        kbps=_kbps(payload, seconds),
        motion_kbps=_kbps(motion_bytes, seconds),
        damage=damage,
    )


def _kbps(size: int, seconds: float) -> float:
    return round(size * 8 / seconds / 1000, 3) if seconds else 0.0
