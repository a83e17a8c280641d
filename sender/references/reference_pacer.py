"""Stage 5, packetise: references in pieces, each no sooner than a byte budget has room for it."""

from collections import deque
from dataclasses import dataclass

from signaling.transport.costs import MAX_MESSAGE_BYTES

__all__ = ["Piece", "ReferencePacer"]

_REFERENCE_QUEUE_BYTES = 65_536  # more can wait for nothing: a keyframe is cheaper than catching up


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of a reference, and how many of its bytes are the codec's."""

    data: bytes
    payload_bytes: int
    completes: tuple[int, int] | None = None  # the reference that is whole with it: its id, and its frame's number


class ReferencePacer:
    """A queue of reference pieces and a token bucket: `bytes_per_s` on average, `burst_bytes` at once."""

    def __init__(self, *, bytes_per_s: float, burst_bytes: int = 2 * MAX_MESSAGE_BYTES) -> None:
        self._bytes_per_s = bytes_per_s
        self._burst_bytes = burst_bytes
        self._pieces: deque[Piece] = deque()
        self._tokens = float(burst_bytes)
        self._filled_s: float | None = None
        self.waiting_bytes = 0
        self._keyframes_first = self._is_keyframe = False
        self.is_first = True  # no keyframe has left yet

    def set_pace(self, *, bytes_per_s: float, burst_bytes: int, keyframes_first: bool) -> None:
        """From now on; with `keyframes_first`, those keep to no rate: there is nothing else of use."""
        self._bytes_per_s, self._burst_bytes = bytes_per_s, burst_bytes
        self._keyframes_first = keyframes_first

    @property
    def holds_up(self) -> bool:
        """Whether a keyframe waits that everything else has to wait for."""
        return self._keyframes_first and self._is_keyframe and bool(self._pieces)

    @property
    def next_bytes(self) -> int:
        """What the next piece takes; 0 where none waits."""
        return len(self._pieces[0].data) if self._pieces else 0

    def add(self, pieces: list[Piece], *, supersedes: bool) -> bool:
        """Queues the pieces of one reference; a keyframe `supersedes` what still waits. False: there was no room."""
        if supersedes:
            self.clear()
        self._is_keyframe = supersedes or (self._is_keyframe and bool(self._pieces))
        size = sum(len(piece.data) for piece in pieces)
        if self.waiting_bytes + size > _REFERENCE_QUEUE_BYTES:
            return False
        self._pieces.extend(pieces)
        self.waiting_bytes += size
        return True

    def clear(self) -> None:
        """Forgets what waits."""
        self._pieces.clear()
        self.waiting_bytes = 0

    def take(self, *, now_s: float) -> Piece | None:
        """The next piece, if the budget allows it now."""
        if self._filled_s is not None:
            self._tokens += (now_s - self._filled_s) * self._bytes_per_s
        self._tokens = min(self._tokens, float(self._burst_bytes))
        self._filled_s = now_s
        if not self._pieces or (self._tokens < len(self._pieces[0].data) and not self.holds_up):
            return None
        piece = self._pieces.popleft()
        self._tokens -= len(piece.data)
        self.waiting_bytes -= len(piece.data)
        self.is_first = self.is_first and bool(self._pieces and self._is_keyframe)
        return piece

    @property
    def wait_s(self) -> float | None:
        """Time from the last `take` until the budget allows the next piece; None when nothing waits."""
        if not self._pieces:
            return None
        if self.holds_up:
            return 0.0
        return max(0.0, (len(self._pieces[0].data) - self._tokens) / self._bytes_per_s)
