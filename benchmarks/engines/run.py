"""Stages 3, 8 and 9, on every engine: each graph of the networks alone, then whole streams, in every precision."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.calls.pinning import load_before, pinned
from benchmarks.clips.clip import check_clips, load_clip
from benchmarks.engines.graphs import contestants, graph_rows, load_all, sum_rows
from benchmarks.engines.inputs import inputs_of, pairs_of
from benchmarks.engines.rows import DecodeRow, EngineResult, EngineSettings, GraphRow, SumRow
from benchmarks.engines.streams import ClipDecode, decode_rows, decoded, encoded, variants
from benchmarks.quality.lpips import Lpips
from benchmarks.records.terminal import Tick
from codec.weights import files as weights


def measure_engines(
    clips: Sequence[Path], settings: EngineSettings, *, lpips: Lpips | None = None, tick: Tick = lambda *_: None
) -> EngineResult:
    """Everything, size by size. Raises ClipError, SettingError, and what `codec.errors` names.

    All runs in this one process, which is pinned before any engine starts its threads: turns of engines in processes of
    their own would be no fairer, and the threads of each would have to be put to sleep all the same.
    """
    check_clips(clips, size=min(settings.sizes))
    graphs: list[GraphRow] = []
    sums: list[SumRow] = []
    decodes: list[DecodeRow] = []
    by_clip: list[dict[str, Any]] = []
    notes: list[str] = []
    load = load_before()
    with pinned(settings.threads) as cores, tempfile.TemporaryDirectory(prefix="facewire-engines-") as folder:
        for size in settings.sizes:
            rows, own_sums, notes = graphs_of(clips, size, settings, folder=Path(folder), tick=tick)
            graphs, sums = [*graphs, *rows], [*sums, *own_sums]
            found = [decodes_of(clip, size, settings, folder=Path(folder), lpips=lpips, tick=tick) for clip in clips]
            decodes += decode_rows([one for clip in found for one in clip], size=size)
            for own in found:
                own_rows = [asdict(row) for row in decode_rows(own, size=size)]
                by_clip.append({"clip": own[0].clip, "size": size, "rows": own_rows})
    return EngineResult(tuple(graphs), tuple(sums), tuple(decodes), tuple(by_clip), tuple(notes), cores, load)


def graphs_of(
    clips: Sequence[Path], size: int, settings: EngineSettings, *, folder: Path, tick: Tick
) -> tuple[list[GraphRow], list[SumRow], list[str]]:
    """Each graph alone, at one size, and what could not be measured."""
    name = f"graphs {size}"
    tick(name, 0.0)
    held, config = weights.load(settings.weights), settings.config(size)
    inputs = inputs_of(pairs_of(clips, size=size, seconds=settings.seconds), config)
    calibration = inputs_of(pairs_of(clips, size=size, seconds=settings.seconds, between=True), config)
    found, notes = contestants(held, folder, threads=settings.threads, calibration=calibration)
    loaded = load_all(found, size=size)
    rows = graph_rows(loaded, inputs, held, size=size, runs=settings.runs, tick=lambda part: tick(name, part))
    return rows, sum_rows(rows, held), notes


def decodes_of(
    path: Path, size: int, settings: EngineSettings, *, folder: Path, lpips: Lpips | None, tick: Tick
) -> list[ClipDecode]:
    """One clip coded once, and decoded by every variant."""
    clip, config = load_clip(path, size=size, seconds=settings.seconds), settings.config(size)
    coding, decoding = f"{clip.name} {size}: coding", f"{clip.name} {size}: decoding"
    data = encoded(clip, config, tick=lambda part: tick(coding, part))
    compared = variants(weights.load(settings.weights), config, folder)
    return decoded(clip, data, compared, lpips=lpips, every=settings.every, tick=lambda part: tick(decoding, part))
