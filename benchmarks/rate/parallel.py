"""Stage 3 to 10, offline: clips measured by several processes, and their progress heard in one place.

Processes are started afresh, each loads the networks once and takes clips as it gets free. Rates and qualities do not
depend on how many there are, but milliseconds a frame do: processes share memory bandwidth and caches.
"""

import multiprocessing
import os
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import cv2
import torch

from benchmarks.clips.clip import unlike_names
from benchmarks.errors import BenchmarkError
from benchmarks.quality.metric_networks import MetricNetworks, NetFiles
from benchmarks.rate.operating_points import RateSettings
from benchmarks.rate.results.measured import ClipResult
from benchmarks.rate.run import NOTHING_KEPT, Keeping, Tick, check, load, measure_clip, measure_clips

LISTEN_S = 0.2  # between two looks at what the processes tell


def set_threads(threads: int) -> None:
    """For the networks and the metrics of this process."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


class _Process:
    """What a worker process holds between its clips."""

    metric_networks: MetricNetworks
    told: "SimpleQueue[str]"


def end_with_parent() -> None:
    """From now on this process ends when the one that started it does, however that ends: nobody waits for its clip."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a process that was started ends with its parent"

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _begin(nets: NetFiles, threads: int, told: "SimpleQueue[str]") -> None:
    end_with_parent()
    set_threads(threads)
    _Process.metric_networks = nets.load()
    _Process.told = told


def _measure(path: Path, settings: RateSettings, keeping: Keeping) -> ClipResult:
    return measure_clip(
        load(path, settings),
        settings,
        metric_networks=_Process.metric_networks,
        keeping=keeping,
        tick=_Process.told.put,
    )


def _listen(futures: list["Future[ClipResult]"], told: "SimpleQueue[str]", tick: Tick) -> None:
    """Until all are done, or one has failed."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=LISTEN_S, return_when=FIRST_COMPLETED)
        while not told.empty():
            tick(told.get())
        if any(future.exception() is not None for future in done):
            return


def _spread(
    paths: list[Path], settings: RateSettings, nets: NetFiles, *, keeping: Keeping, tick: Tick, jobs: int
) -> list[ClipResult]:
    context = multiprocessing.get_context("spawn")  # a fork would share torch's threads, half-way through whatever
    told: SimpleQueue[str] = context.SimpleQueue()
    pool = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(nets, settings.threads, told))
    try:
        futures = [pool.submit(_measure, path, settings, keeping) for path in paths]
        _listen(futures, told, tick)
        return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise BenchmarkError("a measuring process died, perhaps for want of memory; try fewer --jobs") from error
    finally:
        pool.shutdown(cancel_futures=True)


def measure(
    paths: list[Path],
    settings: RateSettings,
    nets: NetFiles,
    *,
    jobs: int = 1,
    keeping: Keeping = NOTHING_KEPT,
    tick: Tick = lambda _: None,
) -> list[ClipResult]:
    """All clips, in the order given, by at most `jobs` processes beside this one; by this one where that is 1.

    Raises ClipError, NetsMissing, SettingError, StreamError, and BenchmarkError when a process dies; whatever else one
    raises comes through as it is.
    """
    unlike_names(paths)
    metric_networks = nets.load()  # here first: a wrong file is named before any process starts
    check(paths, settings)
    if min(jobs, len(paths)) <= 1:
        set_threads(settings.threads)
        return list(measure_clips(paths, settings, metric_networks=metric_networks, keeping=keeping, tick=tick))
    return _spread(paths, settings, nets, keeping=keeping, tick=tick, jobs=min(jobs, len(paths)))
