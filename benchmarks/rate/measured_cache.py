"""Stage 10, meter (offline): what was measured of anchors, kept in a folder, so that they are not measured again.

An entry is a file named by the hash of all that its figures follow from: the pictures (which follow from the clip's
file, size, seconds and degradation), what coded them, the video libraries, what was measured and by which libraries and
networks, and `VERSION`. A file
that cannot be read, or says something else, is as good as none. Milliseconds are those of when it was measured.
"""

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.clips.clip import Clip
from benchmarks.quality.face_frames import FaceFrames
from benchmarks.quality.metric_networks import NetFiles
from benchmarks.rate.operating_points import OperatingPoint
from benchmarks.rate.results.measured import Measured
from benchmarks.rate.results.rows import RateRow
from benchmarks.records.provenance import coder_versions, sha256

VERSION = 1  # raise it when what codes anchors, or what measures anything, comes out otherwise

_MEASURING = ("opencv-python", "pytorch-msssim", "torch", "vmaf-torch")  # what turns pictures into figures
_FIGURES = tuple(field.name for field in fields(RateRow))
_TRACKS = tuple(field.name for field in fields(FaceFrames))
_DAMAGED = (OSError, ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True)
class MeasuredCache:
    """The folder, and the sha256 of every metric's network by its name."""

    folder: Path
    networks: Mapping[str, str]

    def of_clip(self, clip: Clip, *, every: int, still: int) -> "ClipEntries":
        """The entries of one clip, as codecs are given it; `still` is the picture that is kept."""
        measuring = {"version": VERSION, "every": every, "networks": dict(self.networks), "still": still}
        measuring["figures"] = [*_FIGURES, *_TRACKS]
        given = {"pictures": _pictures_sha256(clip), "fps": clip.fps}
        return ClipEntries(self.folder, clip, {**given, **measuring, "libraries": _libraries()})


def open_cache(folder: Path, nets: NetFiles) -> MeasuredCache:
    """Makes the folder. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    return MeasuredCache(folder, {path.name: sha256(path) for path in nets.files()})


@dataclass(frozen=True, slots=True)
class ClipEntries:
    """What is kept of one clip. Points that do not say what they are made by are not kept."""

    folder: Path
    clip: Clip
    follows_from: Mapping[str, Any]

    def read(self, point: OperatingPoint) -> Measured | None:
        """None where there is no sound entry."""
        if point.made_by is None:
            return None
        key = self._key(point)
        try:
            return self._unpacked(self._path(key).read_bytes(), key, point)
        except _DAMAGED:
            return None

    def write(self, point: OperatingPoint, measured: Measured) -> None:
        """At once or not at all: other processes read the same folder. A full disk costs the entry alone."""
        if point.made_by is None:
            return
        key = self._key(point)
        with suppress(OSError):
            handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_packed(measured, key))
                os.replace(name, self._path(key))
            except BaseException:
                os.unlink(name)
                raise

    def _key(self, point: OperatingPoint) -> str:
        made_by = {"codec": point.codec, "setting": point.setting, **(point.made_by or {})}
        return json.dumps({**self.follows_from, "made_by": made_by}, sort_keys=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"

    def _unpacked(self, data: bytes, key: str, point: OperatingPoint) -> Measured:
        """Raises one of `_DAMAGED`."""
        with np.load(io.BytesIO(data), allow_pickle=False) as entry:
            if str(entry["key"]) != key:
                raise ValueError("another entry under this name")
            row = RateRow(**json.loads(str(entry["row"])))
            still = entry["still"]
            tracks = {name: entry[name] for name in _TRACKS if name in entry}
        frames = FaceFrames(**tracks) if tracks else None
        if still.shape != self.clip.pictures.shape[1:] or still.dtype != np.uint8:
            raise ValueError("a still of another size")
        if any(track.shape != (len(self.clip.pictures),) for track in tracks.values()):
            raise ValueError("tracks of another length")
        return Measured(replace(row, clip=self.clip.name, codec=point.codec, setting=point.setting), still, frames)


def _packed(measured: Measured, key: str) -> bytes:
    frames = measured.frames
    tracks = {} if frames is None else {name: getattr(frames, name) for name in _TRACKS}
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, key=np.array(key), row=np.array(json.dumps(asdict(measured.row))), still=measured.still, **tracks
    )
    return buffer.getvalue()


def _pictures_sha256(clip: Clip) -> str:
    return hashlib.sha256(np.ascontiguousarray(clip.pictures).data).hexdigest()


@cache
def _libraries() -> dict[str, Any]:
    measuring = {name: version(name) for name in _MEASURING}
    return {"av": av.__version__, "ffmpeg": str(av.library_versions), "coders": coder_versions(), **measuring}
