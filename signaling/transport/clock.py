"""Stage 10, meter: the offset between the sender's clock and ours, from pings on the control channel (RFC 5905)."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One exchange: round trip and clock offset (theirs minus ours), both in microseconds."""

    round_trip_us: int
    offset_us: int


class ClockSync:
    """Keeps the last exchanges and believes the one with the shortest round trip, as NTP's clock filter does."""

    def __init__(self, *, window: int = 16) -> None:
        self._samples: deque[Sample] = deque(maxlen=window)

    def add(self, *, sent_us: int, peer_us: int, received_us: int) -> None:
        """One exchange: we sent at `sent_us`, the peer's clock read `peer_us`, we had the answer at `received_us`.

        offset = peer - (sent + received) / 2. Exchanges that claim to end before they began are ignored.
        """
        if received_us >= sent_us:
            self._samples.append(Sample(received_us - sent_us, peer_us - (sent_us + received_us) // 2))

    @property
    def latest(self) -> Sample | None:
        """The last exchange; None before the first."""
        return self._samples[-1] if self._samples else None

    @property
    def best(self) -> Sample | None:
        """The exchange with the shortest round trip; None before the first."""
        return min(self._samples, key=lambda sample: sample.round_trip_us, default=None)

    def to_ours(self, peer_us: int) -> int | None:
        """A time on the peer's clock, on ours; None before the first exchange."""
        best = self.best
        return None if best is None else peer_us - best.offset_us
