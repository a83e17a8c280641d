"""All stages, timing: milliseconds by stage, gathered from any thread. The codec has no clock of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

__all__ = ["Stage", "StageClock", "no_stage"]

Stage = Callable[[str], AbstractContextManager[object]]


def no_stage(name: str) -> AbstractContextManager[object]:
    """The default timing hook: nothing is timed."""
    return nullcontext()


class StageClock:
    """Time by named stage; `clock` reads seconds."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._spent: dict[str, tuple[int, float]] = {}  # runs, milliseconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the block as one run of the stage `name`."""
        started_s = self._clock()
        try:
            yield
        finally:
            spent_ms = (self._clock() - started_s) * 1000
            with self._lock:
                runs, total_ms = self._spent.get(name, (0, 0.0))
                self._spent[name] = (runs + 1, total_ms + spent_ms)

    def take_totals(self) -> dict[str, float]:
        """Milliseconds of all runs of each stage since the last call."""
        return {name: total_ms for name, (_, total_ms) in self._take().items()}

    def take_means(self) -> dict[str, float]:
        """Mean milliseconds of one run of each stage since the last call."""
        return {name: round(total_ms / runs, 2) for name, (runs, total_ms) in sorted(self._take().items())}

    def _take(self) -> dict[str, tuple[int, float]]:
        with self._lock:
            spent, self._spent = self._spent, {}
        return spent
