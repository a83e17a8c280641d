"""Stage 2 to 5, work: what coding takes of the time there is, what the receiver says of its own, what is left out."""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from codec.units import PTS_PER_S
from sender.work.sizes import SizeOrder
from sender.work.work_ladder import WorkLadder, steps_of
from signaling.protocol.capabilities import PLAIN
from signaling.protocol.messages import Capabilities

__all__ = ["SetsSteps", "Workload"]

_LOOK_S = 1.0
_THEN = "H.264 carries the call where --mode auto lets it"
_HEARD_S = 3.0  # so long what the receiver last said of its load counts


class SetsSteps(Protocol):
    """Whoever is told which steps of the coding are taken."""

    def __call__(self, *, windows: bool, restoration: bool, every: float, size: SizeOrder) -> None:
        """Whether mouth and eyes are drawn, and references restored; each how many-th picture, and at which of two
        sizes, is coded.
        """


class Workload:
    """Owns the ladder of one call. `sets` is told what of each picture's work is to be done."""

    def __init__(
        self, *, sets: SetsSteps, clock: Callable[[], float], sizes: tuple[int, ...], then: str = _THEN
    ) -> None:
        """`sizes` are the call's own and, if the encoder has one, a smaller one, for receivers that can read it.

        `then` is what is said to happen where even the last step is too much.
        """
        self._then = then
        self._sets = sets
        self._clock = clock
        self._sizes = sizes
        self._ladder = WorkLadder(steps=steps_of(sizes[:1]))
        self._told: Callable[[str], None] = lambda text: None
        self._looked: tuple[float, int] | None = None  # when, and pictures captured until then
        self._spent_s, self._coded = 0.0, 0
        self._began_s, self._is_coded = clock(), False  # of the picture in hand
        self._interval: float | None = None  # between captured pictures, 1/90000 s
        self._last_pts: int | None = None
        self._due = 0.0  # so many intervals after that the next picture is to be coded
        self._heard: tuple[float, float] | None = None  # when, and the load
        self.coding: float | None = None  # the loads of the last second
        self.decoding: float | None = None
        self._set()

    def watch(self, callback: Callable[[str], None]) -> None:
        """`callback` learns in a line what is late, and what is done about it."""
        self._told = callback

    def meet(self, peer: Capabilities | None) -> None:
        """What the receiver can hold; None where it does not say."""
        sizes = () if peer is None else peer.sizes
        self._allow(sizes, plain=peer is not None and PLAIN in peer.features)

    def meet_all(self, peers: Iterable[Capabilities]) -> None:
        """What each of several receivers can read. References are restored: who comes later may need it."""
        if said := [set(peer.sizes) for peer in peers if peer.sizes]:
            self._allow(set.intersection(*said))

    def _allow(self, read: Collection[int], *, plain: bool = False) -> None:
        own, *smaller = self._sizes
        before = self._ladder.step
        self._ladder.allow(steps_of((own, *(size for size in smaller if size in read)), plain=plain))
        if self._ladder.step != before:
            self._set()

    def _set(self) -> None:
        step = self._ladder.step
        size = SizeOrder(small=step.small, soon=self._ladder.next_step.small)
        self._sets(windows=step.windows, restoration=step.restoration, every=step.every, size=size)

    def skips(self, pts: int, *, coded: bool) -> bool:
        """A picture of this time is there, to be coded or only followed: whether it is left out, for the others' sake.

        One that is not coded begins a pause: what was known before is of no use after it.
        """
        self._began_s, self._is_coded = self._clock(), coded
        if not coded:
            self._looked = self._last_pts = None
            self._ladder.pause()
            return False
        every = self._ladder.step.every
        if self._last_pts is not None and self._interval is not None and every > 1:
            ahead = round((pts - self._last_pts) / self._interval)
            if 0 <= ahead < self._due:
                return True
            # Of two in three the second comes soon after the first; one that came late is not made up for.
            self._due = every + max(self._due - ahead, -(every % 1))
        self._last_pts = pts
        return False

    def hear(self, load: float) -> None:
        """What the receiver says of its own."""
        self._heard = self._clock(), load

    def done(self, *, captured: int) -> bool:
        """That picture, of `captured` so far, is done with. True where even the last step is too much for long."""
        if not self._is_coded:
            return False
        now_s = self._clock()
        self._spent_s, self._coded = self._spent_s + now_s - self._began_s, self._coded + 1
        if self._looked is None:
            self._restart(now_s, captured)
            return False
        passed_s, pictures = now_s - self._looked[0], captured - self._looked[1]
        if passed_s < _LOOK_S or not pictures:
            return False
        self._interval = PTS_PER_S * passed_s / pictures
        self.coding = (self._spent_s / self._coded) * (pictures / passed_s) / self._ladder.step.every
        self.decoding = self._heard[1] if self._heard is not None and now_s - self._heard[0] < _HEARD_S else None
        self._restart(now_s, captured)
        before = self._ladder.overwhelmed
        self._look(self.coding, self.decoding or 0.0, now_s=now_s)
        if self._ladder.overwhelmed and not before:
            self._told(f"late all the same: {self._then}")
        return self._ladder.overwhelmed

    @property
    def states(self) -> dict[str, float | None]:
        """For the meter: loads as parts of the time there is, each how many-th picture is coded, and how large."""
        step = self._ladder.step
        return {
            "load_coding": self.coding,
            "load_decoding": self.decoding,
            "coded_every": step.every,
            "coded_size": self._sizes[-1] if step.small else self._sizes[0],
        }

    def _restart(self, now_s: float, captured: int) -> None:
        self._looked, self._spent_s, self._coded = (now_s, captured), 0.0, 0

    def _look(self, coding: float, decoding: float, *, now_s: float) -> None:
        before, load = self._ladder.step, max(coding, decoding)
        if not self._ladder.see(load, now_s=now_s):
            return
        step = self._ladder.step
        self._set()
        if step.cost < before.cost:
            where = "coding" if coding >= decoding else "the receiver's decoding"
            self._told(f"{where} is late ({load:.0%} of the time there is): {step.name} from now on")
        else:
            self._told(f"time to spare: {step.name} from now on")
