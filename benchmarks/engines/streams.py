"""Stages 8 and 9, the same bytes decoded by each engine and precision: what quality that costs, what time it saves."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.clips.clip import Clip
from benchmarks.engines.graphs import REST_S, rotated, tensors_of
from benchmarks.engines.rows import ALL, EXACT, OPENVINO, TORCH, DecodeRow
from benchmarks.quality.lpips import Lpips
from benchmarks.quality.metrics import as_tensor
from benchmarks.records.spread import Spread
from codec import CodecConfig, CodedFrame, Decoder, Encoder
from codec.config import Precision
from codec.engines.openvino_engine import float_precision
from codec.graphs.files import QUANTIZED
from codec.pictures.psnr import psnr_db
from codec.units import PTS_PER_S, Image
from codec.weights import files as weights
from codec.weights.files import Weights

WARM_UP = 3  # first frames of a stream: decoded and measured like all, but not timed


@dataclass(frozen=True, slots=True)
class Variant:
    """A decoder to compare. `where` names the one graph that runs in `precision`, the others in the next finer one."""

    engine: str
    precision: Precision
    where: str
    config: CodecConfig


@dataclass(frozen=True, slots=True)
class ClipDecode:
    """What one variant made of one clip."""

    clip: str
    variant: Variant
    frame_ms: tuple[float, ...]  # frames without a reference
    reference_ms: tuple[float, ...]  # frames that bring one
    psnr_db: float
    lpips: float | None


def variants(held: Weights, base: CodecConfig, folder: Path) -> list[Variant]:
    """torch and OpenVINO as a user can set them, then int8 in one network at a time; openvino f32 first of its kind."""
    floats: list[Precision] = ["f32", "bf16"] if float_precision() == "bf16" else ["f32"]
    found = [Variant(TORCH, each, ALL, base.with_(engine=TORCH, precision=each)) for each in floats]
    precisions = [*floats, "int8"] if held.ranges else floats
    found += [Variant(OPENVINO, each, ALL, base.with_(engine=OPENVINO, precision=each)) for each in precisions]
    if held.ranges:
        for graph in QUANTIZED:
            copied = _with_ranges_of(graph, held, base, folder)
            config = base.with_(engine=OPENVINO, precision="int8", weights=str(copied))
            found.append(Variant(OPENVINO, "int8", graph, config))
    return found


def _with_ranges_of(graph: str, held: Weights, base: CodecConfig, folder: Path) -> Path:
    """A copy of the weight file beside which lie the ranges of one graph: a layer without one stays as it is."""
    path, _ = weights.find(base.weights)
    copied = folder / f"{path.stem}-{graph}.safetensors"
    shutil.copyfile(path, copied)
    ranges = {name: held.ranges[name] for name in sorted(tensors_of(graph, base.size) & held.ranges.keys())}
    weights.ranges_path(copied).write_text(json.dumps({"weights_id": held.identifier.hex(), "ranges": ranges}))
    return copied


def encoded(clip: Clip, base: CodecConfig, *, tick: Callable[[float], None]) -> list[bytes]:
    """A clip as openvino f32 codes it, every frame measured."""
    encoder = Encoder(base.with_(engine=OPENVINO, precision=EXACT))
    data = []
    for index, picture in enumerate(clip.pictures):
        data.append(bytes(encoder.encode(picture, pts=round(index * PTS_PER_S / clip.fps))))
        tick(len(data) / len(clip.pictures))
    return data


class _Tally:
    """What one variant's decoder has taken and lost so far."""

    def __init__(self, variant: Variant) -> None:
        self._variant = variant
        self._decoder = Decoder(variant.config)
        self._ms: dict[bool, list[float]] = {False: [], True: []}  # by whether the frame brings a reference
        self._psnr_db: list[float] = []
        self._lpips: list[float] = []

    def decode(self, data: bytes, *, timed: bool) -> Image:
        """Bytes to a picture (S, S, 3)."""
        start_s = time.perf_counter()
        coded = CodedFrame.parse(data)
        picture = self._decoder.decode(coded)
        if timed:
            self._ms[coded.reference is not None].append(1000 * (time.perf_counter() - start_s))
        return picture

    def measure(self, original: Image, picture: Image, lpips: Lpips | None) -> None:
        """Notes how far a picture is from the original, (S, S, 3) twice."""
        self._psnr_db.append(psnr_db(picture, original))
        if lpips is not None:
            self._lpips.append(float(lpips(as_tensor(original[None]), as_tensor(picture[None]))))

    def result(self, clip: str) -> ClipDecode:
        """All of it."""
        return ClipDecode(
            clip=clip,
            variant=self._variant,
            frame_ms=tuple(self._ms[False]),
            reference_ms=tuple(self._ms[True]),
            psnr_db=mean(self._psnr_db),
            lpips=mean(self._lpips) if self._lpips else None,
        )


def decoded(
    clip: Clip,
    data: Sequence[bytes],
    compared: Sequence[Variant],
    *,
    lpips: Lpips | None,
    every: int,
    tick: Callable[[float], None],
) -> list[ClipDecode]:
    """Each frame by every variant, beginning with another one each time; LPIPS of each `every`-th."""
    tallies = [_Tally(variant) for variant in compared]
    for number, (original, one) in enumerate(zip(clip.pictures, data, strict=True)):
        pictures = {}
        for index in rotated(range(len(compared)), number):
            time.sleep(REST_S)
            pictures[index] = tallies[index].decode(one, timed=number >= min(WARM_UP, len(data) - 1))
        for index, picture in pictures.items():  # only now: LPIPS runs on torch
            tallies[index].measure(original, picture, lpips if number % every == 0 else None)
        tick((number + 1) / len(data))
    return [tally.result(clip.name) for tally in tallies]


def decode_rows(decodes: Sequence[ClipDecode], *, size: int) -> list[DecodeRow]:
    """One row a variant, over all clips that are there. openvino f32 is among the variants."""
    by_variant: dict[tuple[str, Precision, str], list[ClipDecode]] = {}
    for one in decodes:
        by_variant.setdefault((one.variant.engine, one.variant.precision, one.variant.where), []).append(one)
    exact = by_variant[OPENVINO, EXACT, ALL]
    exact_ms = Spread.of(_frames(exact)).median
    rows = []
    for (engine, precision, where), mine in by_variant.items():
        spread = Spread.of(_frames(mine))
        gained = [one.psnr_db - other.psnr_db for one, other in zip(mine, exact, strict=True)]
        distances = [one.lpips for one in mine if one.lpips is not None]
        other_distances = [one.lpips for one in exact if one.lpips is not None]
        farther = [a - b for a, b in zip(distances, other_distances, strict=True)]
        rows.append(
            DecodeRow(
                size=size,
                engine=engine,
                precision=precision,
                where=where,
                frame_ms=spread,
                ratio=spread.median / exact_ms,
                mean_ms=mean(ms for one in mine for ms in (*one.frame_ms, *one.reference_ms)),
                psnr_db=mean(one.psnr_db for one in mine),
                psnr_change_db=mean(gained),
                psnr_worst_db=min(gained),
                lpips=mean(distances) if distances else None,
                lpips_change=mean(farther) if farther else None,
                lpips_worst=max(farther) if farther else None,
            )
        )
    return rows


def _frames(decodes: Sequence[ClipDecode]) -> list[float]:
    """Milliseconds of the frames without a reference; of all, where each brings one."""
    return [ms for one in decodes for ms in one.frame_ms] or [ms for one in decodes for ms in one.reference_ms]
