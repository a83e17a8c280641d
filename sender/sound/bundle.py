"""Stage 5, sound: coded frames -> messages, with the motion of the same span, and repeated where the line loses."""

from collections import Counter, deque
from collections.abc import Callable

from codec.sound import MAX_FRAMES, SoundMessage
from codec.sound.message import SEQUENCES, TIMES
from codec.sound.opus import FrameMs
from codec.units import PTS_PER_S
from signaling.errors import PeerGone
from signaling.transport.channels import Channels
from signaling.transport.costs import MAX_MESSAGE_BYTES

__all__ = ["SoundBundler"]

_SILENT_FRAMES = 10  # a message then: the other end learns that nothing is missing
_QUEUE_BYTES = 2 * MAX_MESSAGE_BYTES  # of all channels: what waits behind more is old when it comes
_LOSSY, _CLEAN = 0.02, 0.005  # of the frames: from the one on they are repeated, until the other
_CLEAN_REPORTS = 10


class SoundBundler:
    """Gathers frames, and sends them when a motion message leaves, or by themselves when that takes too long.

    `span` is how many frames a message is meant to hold: as long as a bundle of motion.
    """

    def __init__(self, channels: Channels, *, span: int, frame_ms: FrameMs) -> None:
        self._channels = channels
        self._span = min(span, MAX_FRAMES - 2)
        self._frame_ms: FrameMs = frame_ms
        self._waiting: list[bytes] = []
        self._before: deque[bytes] = deque(maxlen=MAX_FRAMES - 1)
        self._sequence = 0  # of the first that waits
        self._time_s = 0.0
        self._clean_reports = 0
        self._may_repeat = True
        self._may_leave: Callable[[], bool] = lambda: True
        self.repeats = False
        self.counts: Counter[str] = Counter()  # messages, bytes, frames, alone (messages without motion), stale frames

    def set_pace(self, *, span: int, may_repeat: bool, may_leave: Callable[[], bool]) -> None:
        """How many frames a message is meant to hold from now on, and whether there is room to repeat any.

        `may_leave` is asked each time: a line whose queue is full has no room for any.
        """
        self._span, self._may_repeat = min(span, MAX_FRAMES - 2), may_repeat
        self._may_leave = may_leave

    def is_leaving(self) -> bool:
        """Whether a message of sound is about to go."""
        return bool(self._waiting) and self._may_leave()

    def add(self, packet: bytes, *, captured_s: float) -> None:
        """One coded frame, b"" where it is silent."""
        if not self._waiting:
            self._time_s = captured_s
        self._waiting.append(packet)
        silent = not any(self._waiting)
        if len(self._waiting) > (max(_SILENT_FRAMES, self._span) if silent else self._span):
            self._send(b"")

    def carry(self, motion: bytes) -> bool:
        """Sends what waits with a motion message, if it fits; False: the motion has to go by itself."""
        return bool(self._waiting) and self._send(motion)

    def hear_loss(self, loss: float | None) -> None:
        """What the receiver says of the last second."""
        if loss is None:
            return
        self._clean_reports = self._clean_reports + 1 if loss < _CLEAN else 0
        if loss > _LOSSY:
            self.repeats = True
        elif self._clean_reports >= _CLEAN_REPORTS:
            self.repeats = False

    def _send(self, motion: bytes) -> bool:
        """All that waits as one message; whether `motion` went along."""
        frames, self._waiting = tuple(self._waiting), []
        sequence = self._sequence
        self._sequence = (sequence + len(frames)) % SEQUENCES
        channel = self._channels.sound
        is_full = self._channels.queued_bytes > _QUEUE_BYTES or not self._may_leave()
        if channel is None or not channel.is_open or is_full:
            self.counts["stale_frames"] += len(frames)
            self._before.extend(frames)
            return False
        data = self._fitting(frames, sequence, motion)
        rides = data is not None
        data = data or self._fitting(frames, sequence, b"")
        self._before.extend(frames)
        try:
            if data is not None:
                channel.send(data)
        except PeerGone:  # whoever watches the channels' state ends the call
            return False
        length = len(data or b"") - (len(motion) if rides else 0)
        self.counts.update(messages=1, bytes=length, frames=len(frames), alone=int(not (rides and motion)))
        return rides

    def _fitting(self, frames: tuple[bytes, ...], sequence: int, motion: bytes) -> bytes | None:
        """The message with as many of the frames before it as fit; None where not even the new ones do."""
        repeated = tuple(self._before)[-len(frames) :] if self.repeats and self._may_repeat else ()
        for left_out in range(len(repeated) + 1):
            message = SoundMessage(
                sequence=sequence,
                time=round(self._time_s * PTS_PER_S) % TIMES,
                frames=frames,
                repeated=repeated[left_out:],
                frame_ms=self._frame_ms,
                motion=motion,
            )
            if len(data := bytes(message)) <= self._channels.longest:
                return data
        return None
