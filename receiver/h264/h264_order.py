"""Stage 7, H.264: RTP packets as they come -> whole pictures in order, and none that came too late. Pure.

A packet that is missing holds up what comes after it, because a resend may still bring it; but no longer than a talk
bears. After that everything up to the next key picture goes.
"""

from dataclasses import dataclass, field

__all__ = ["Packet", "PictureOrder", "WholePicture", "starts_afresh"]

PATIENCE_S = 0.2  # for a packet that is missing, from when one after it has come
MOST_WAITING = 512
_SEQUENCES, _TIMES = 1 << 16, 1 << 32
_IDR, _SPS = 5, 7  # NAL unit types, ITU-T H.264, 7.4.1


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: RTP's sequence number and timestamp, whether it is the last of its picture, and its Annex B bytes."""

    sequence: int
    timestamp: int
    last: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class WholePicture:
    """One coded picture, Annex B; `pts` counts 1/90000 s from the first packet that came."""

    data: bytes
    pts: int


@dataclass(slots=True)
class PictureOrder:
    """Puts packets in order. `needs_key`: nothing is of use until a key picture is here whole.

    `gave_up` is the sequence number that packets before are not waited for any more, None where none has been given up
    since the last `add`.
    """

    needs_key: bool = True
    gave_up: int | None = None
    _waiting: dict[int, tuple[Packet, float]] = field(default_factory=dict)  # by number, unwrapped; when it came
    _newest: int | None = None
    _next: int = 0  # the number to go on with
    _time: int | None = None  # the newest timestamp, unwrapped
    _origin: int = 0

    def add(self, packet: Packet, *, now_s: float) -> list[WholePicture]:
        """One packet; the pictures that are whole and in turn with it."""
        self.gave_up = None
        number = self._number(packet.sequence)
        if number < self._next:
            return []
        self._waiting[number] = (packet, now_s)
        pictures = self._begin_anew() if self.needs_key else []
        pictures += [] if self.needs_key else self._in_turn()
        if self._is_late(now_s):
            self.gave_up = self._next % _SEQUENCES
            if not self.needs_key:
                self.needs_key = True
                pictures += self._begin_anew()
        if len(self._waiting) > MOST_WAITING:
            self._forget_before(max(self._waiting) + 1)
        return pictures

    def _number(self, sequence: int) -> int:
        if self._newest is None:
            self._newest = self._next = sequence
            return sequence
        step = (sequence - self._newest + _SEQUENCES // 2) % _SEQUENCES - _SEQUENCES // 2
        number = self._newest + step
        self._newest = max(self._newest, number)
        return number

    def _in_turn(self) -> list[WholePicture]:
        """The pictures that are whole from `_next` on."""
        pictures = []
        while (end := self._end_of(self._next)) is not None:
            parts = [self._waiting.pop(number)[0] for number in range(self._next, end + 1)]
            pictures.append(WholePicture(b"".join(part.data for part in parts), self._pts(parts[0].timestamp)))
            self._next = end + 1
        return pictures

    def _end_of(self, first: int) -> int | None:
        """The last packet of the picture that begins with `first`, if all of it is here."""
        number = first
        while (held := self._waiting.get(number)) is not None:
            if held[0].last:
                return number
            number += 1
        return None

    def _is_late(self, now_s: float) -> bool:
        """Whether something has waited too long behind a packet that is missing."""
        if not self._waiting:
            return False
        first = self._next
        while first in self._waiting:
            first += 1
        after = [came_s for number, (_, came_s) in self._waiting.items() if number > first]
        return bool(after) and now_s - min(after) > PATIENCE_S

    def _begin_anew(self) -> list[WholePicture]:
        """From the newest key picture that is here whole, if there is one; what is older is of no use."""
        keys = [number for number, (packet, _) in self._waiting.items() if starts_afresh(packet.data)]
        whole = [number for number in keys if self._end_of(number) is not None]
        if whole:
            self._forget_before(max(whole))
            self.needs_key = False
            return self._in_turn()
        # A key picture on its way is waited for; of the others nothing.
        newest = max(self._waiting)
        self._forget_before(max(keys) if keys else newest + 1 if self._waiting[newest][0].last else newest)
        return []

    def _forget_before(self, number: int) -> None:
        for old in [old for old in self._waiting if old < number]:
            del self._waiting[old]
        if number > self._next:
            self._next = number
            self.gave_up = number % _SEQUENCES

    def _pts(self, timestamp: int) -> int:
        if self._time is None:
            self._time = self._origin = timestamp
            return 0
        step = (timestamp - self._time + _TIMES // 2) % _TIMES - _TIMES // 2
        self._time += step
        return self._time - self._origin


def starts_afresh(data: bytes) -> bool:
    """Whether a picture needs none before it: it is an IDR picture, or brings the parameters that one needs."""
    return any(unit[0] & 31 in (_IDR, _SPS) for unit in data.split(b"\0\0\1")[1:] if unit)
