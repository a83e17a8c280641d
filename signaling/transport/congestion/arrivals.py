"""Stage 6, congestion control at the receiving end: when messages came, told back in a few bytes.

A report is a message on the stream's motion channel, against the stream: never resent, because an old one is worth
nothing. Its bytes, all numbers big-endian:

    0   version, 0xA1
    1   count n, 1 to 48
    2   newest arrival, milliseconds of the receiver's clock modulo 65,536
    4   n entries of four bytes, the newest first: tag (16 bits), and how many milliseconds before the newest it came

The tag is the lower half of the CRC-32 of the message's bytes: what is measured need not be numbered, whatever it is.
Each arrival is told twice, in two reports one after the other: one that is lost does not look like lost messages.
"""

import zlib
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from signaling.errors import MessageError

__all__ = ["VERSION", "ArrivalLog", "ArrivalReport", "tag_of"]

VERSION = 0xA1
MAX_ENTRIES = 48
_CLOCK_MS = 65_536
_HEAD, _ENTRY = 4, 4


def tag_of(data: bytes) -> int:
    """What a message is known by, 0 to 65,535."""
    return zlib.crc32(data) & 0xFFFF


@dataclass(frozen=True, slots=True)
class ArrivalReport:
    """Messages that came: (tag, milliseconds before `newest_ms`), the newest first."""

    newest_ms: int  # modulo 65,536
    entries: tuple[tuple[int, int], ...]

    def __bytes__(self) -> bytes:
        head = bytes((VERSION, len(self.entries))) + self.newest_ms.to_bytes(2, "big")
        return head + b"".join(tag.to_bytes(2, "big") + ago.to_bytes(2, "big") for tag, ago in self.entries)

    @classmethod
    def parse(cls, data: bytes) -> "ArrivalReport":
        """Raises MessageError for anything that `bytes` of a report would not be."""
        if len(data) < _HEAD or data[0] != VERSION:
            raise MessageError("no arrival report of this version")
        count = data[1]
        if not 1 <= count <= MAX_ENTRIES or len(data) != _HEAD + count * _ENTRY:
            raise MessageError(f"an arrival report of {count} entries in {len(data)} bytes")
        numbers = [int.from_bytes(data[at : at + 2], "big") for at in range(_HEAD, len(data), 2)]
        entries = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        if entries[0][1] != 0 or any(later[1] < earlier[1] for earlier, later in pairwise(entries)):
            raise MessageError("an arrival report whose entries are not in order")
        return cls(int.from_bytes(data[2:4], "big"), entries)


class ArrivalLog:
    """Notes what comes, and makes the reports of it. `interval_s` apart: a report costs a message and its receipt.

    Reports come more often where more comes, so that they and their receipts take about a tenth of what the stream
    does, and never more often than four times a second.
    """

    def __init__(self, *, quickest_s: float = 0.25, slowest_s: float = 1.0, part: float = 0.15) -> None:
        self._quickest_s, self._slowest_s, self._part = quickest_s, slowest_s, part
        self._new: deque[tuple[int, float, int]] = deque(maxlen=MAX_ENTRIES)  # tag, arrival, bytes
        self._told: deque[tuple[int, float, int]] = deque(maxlen=MAX_ENTRIES)
        self._reported_s = 0.0

    def add(self, data: bytes, *, now_s: float) -> None:
        """A message has come, on whichever channel."""
        self._new.append((tag_of(data), now_s, len(data)))

    def take(self, *, now_s: float) -> ArrivalReport | None:
        """The next report, once it is due."""
        if not self._new or now_s - self._reported_s < self._interval_s(now_s):
            return None
        new = sorted(self._new, key=lambda entry: entry[1], reverse=True)
        newest_s = new[0][1]
        entries = [
            (tag, ago_ms)
            for tag, arrived_s, _ in [*new, *reversed(self._told)]
            if (ago_ms := round(1000 * (newest_s - arrived_s))) < _CLOCK_MS
        ]
        self._told = deque(reversed(new), maxlen=MAX_ENTRIES)
        self._new.clear()
        self._reported_s = now_s
        return ArrivalReport(round(1000 * newest_s) % _CLOCK_MS, tuple(entries[:MAX_ENTRIES]))

    def _interval_s(self, now_s: float) -> float:
        """A report and its receipt are about 230 bytes: as far apart as makes that a part of what came."""
        since_s = max(0.05, now_s - self._reported_s)
        bytes_per_s = sum(size + 93 for _, _, size in self._new) / min(since_s, self._slowest_s)
        return min(self._slowest_s, max(self._quickest_s, 230 / (self._part * max(1.0, bytes_per_s))))
