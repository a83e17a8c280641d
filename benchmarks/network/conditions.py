"""Stage 6, transport, measured: the networks that calls are tried over, by name."""

from dataclasses import dataclass, field

from benchmarks.network.link import Wire

__all__ = ["CONDITIONS", "Condition", "Step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `at_s` of the counted part on, the link is so; or the receiver's host has another address."""

    at_s: float
    wire: Wire | None = None
    moves: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One network. `wire` is on before the call begins, where `early`; else from the counted part on.

    `to_sender`: what the way back is, where it is another. Pictures older than 400 ms plus the path's own delay are
    not counted as shown.
    """

    wire: Wire = field(default_factory=Wire)
    to_sender: Wire | None = None
    early: bool = False
    steps: tuple[Step, ...] = field(default=())
    least_s: float = 0.0  # the counted part takes so long at least
    says: str = ""

    @property
    def delay_ms(self) -> float:
        """Of the path itself."""
        return self.wire.delay_ms + self.wire.jitter_ms


_TWENTY = 20.0  # ms each way: a path through a city


def _path(**changes: float) -> Wire:
    return Wire(**{"delay_ms": _TWENTY, **changes})  # type: ignore[arg-type]


def _limit(kbps: float, *, queue_ms: float = 4000) -> Wire:
    return Wire(delay_ms=_TWENTY, kbps=kbps, queue_ms=queue_ms)


CONDITIONS: dict[str, Condition] = {
    "plain": Condition(wire=_path(), says="20 ms each way, as all below but where they say otherwise"),
    "loss 5": Condition(wire=_path(loss=5), says="5 % of packets lost, either way, each by itself"),
    "loss 10": Condition(wire=_path(loss=10), says="10 %"),
    "loss 20": Condition(wire=_path(loss=20), says="20 %"),
    "loss 30": Condition(wire=_path(loss=30), says="30 %"),
    "bursts": Condition(
        wire=Wire(delay_ms=_TWENTY, burst=(5.5, 50.0, 100.0)),
        says="Gilbert-Elliott: 10 % in the mean, two packets in a row (about 200 ms) in the mean",
    ),
    "jitter": Condition(
        wire=Wire(delay_ms=300, jitter_ms=30, reorder=0), early=True, says="300 ms each way, 30 ms more or less"
    ),
    "longer": Condition(
        wire=Wire(delay_ms=300, jitter_ms=30), least_s=40, says="the same, but 20 ms each way until the call counts"
    ),
    "reorder": Condition(wire=Wire(delay_ms=60, reorder=25), says="60 ms, which 25 % of packets skip"),
    "limit 64": Condition(wire=_limit(64), early=True, says="64 kbit/s each way, a queue of 4 s"),
    "limit 32": Condition(wire=_limit(32), early=True, says="32"),
    "limit 20": Condition(wire=_limit(20), early=True, says="20"),
    "limit 12": Condition(wire=_limit(12), early=True, says="12"),
    "step": Condition(
        wire=_limit(64),
        early=True,
        steps=(Step(at_s=5, wire=_limit(16)), Step(at_s=15, wire=_limit(64))),
        least_s=22,
        says="64 kbit/s, from 5 to 15 s 16",
    ),
    "cut 3": Condition(
        wire=_path(), steps=(Step(at_s=4, wire=Wire(cut=True)), Step(at_s=7, wire=_path())), least_s=14,
        says="nothing passes from 4 to 7 s",
    ),
    "cut 10": Condition(
        wire=_path(), steps=(Step(at_s=4, wire=Wire(cut=True)), Step(at_s=14, wire=_path())), least_s=22,
        says="nothing passes from 4 to 14 s",
    ),
    "move": Condition(
        wire=_path(), steps=(Step(at_s=5, moves=True),), least_s=20,
        says="after 5 s the receiver's host has another address",
    ),
}  # fmt: skip
