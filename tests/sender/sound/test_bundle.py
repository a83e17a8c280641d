"""Sound messages: with the motion of the same span where it fits, by themselves else, repeated where the line loses."""

from codec.sound import SoundMessage
from sender.sound.bundle import SoundBundler
from signaling.transport.channels import Channels
from signaling.transport.memory import VirtualClock, memory_pair


class Line:
    """A bundler and what arrives of its messages."""

    def __init__(self, *, span: int = 4) -> None:
        self.clock = VirtualClock()
        self.near, far = memory_pair(clock=self.clock)
        self.heard: list[SoundMessage] = []
        assert far.sound is not None
        far.sound.set_receiver(lambda data: self.heard.append(SoundMessage.parse(data)))
        self.bundler = SoundBundler(self.near, span=span, frame_ms=40)

    def say(self, count: int, packet: bytes = b"sound", *, first: int = 0) -> None:
        for number in range(first, first + count):
            self.bundler.add(packet, captured_s=100 + 0.04 * number)
            self.clock.advance(0.04)


def test_motion_takes_along_what_waits() -> None:
    line = Line()
    line.say(4)
    assert line.bundler.carry(b"motion")
    line.clock.advance(0.1)
    assert line.heard == [SoundMessage(sequence=0, time=9_000_000, frames=(b"sound",) * 4, motion=b"motion")]
    assert not line.bundler.carry(b"motion")  # nothing waits: it goes by itself


def test_without_motion_sound_goes_by_itself_a_frame_later() -> None:
    line = Line()
    line.say(10)
    assert [(message.sequence, len(message.frames), message.motion) for message in line.heard] == [
        (0, 5, b""),
        (5, 5, b""),
    ]
    assert line.heard[1].time == 9_000_000 + 5 * 3600
    assert line.bundler.counts["alone"] == 2


def test_silence_is_told_more_rarely() -> None:
    line = Line()
    line.say(22, b"")
    assert [len(message.frames) for message in line.heard] == [11, 11]


def test_what_was_before_is_repeated_while_the_line_loses() -> None:
    line = Line()
    line.say(5, b"one")
    line.bundler.hear_loss(0.05)
    line.say(5, b"two", first=5)
    assert line.heard[1].repeated == (b"one",) * 5
    for _ in range(10):
        line.bundler.hear_loss(None)  # nothing was sent: nothing is known
    assert line.bundler.repeats
    for _ in range(10):
        line.bundler.hear_loss(0.0)
    line.say(5, b"six", first=10)
    assert line.heard[2].repeated == ()


def test_what_does_not_fit_is_left_out_the_oldest_first() -> None:
    line = Line()
    line.say(5, bytes(150))
    line.bundler.hear_loss(1.0)
    line.say(4, bytes(150), first=5)
    assert line.bundler.carry(bytes(300))
    line.clock.advance(0.1)
    assert [len(message.repeated) for message in line.heard] == [0, 1]
    line.say(4, bytes(200), first=9)
    assert not line.bundler.carry(bytes(600))  # not even without what was before: the sound goes, the motion later
    line.clock.advance(0.1)
    assert (line.heard[-1].motion, len(line.heard[-1].repeated)) == (b"", 2)


def test_numbers_go_round() -> None:
    line = Line(span=12)
    line.say(13 * 5042, b"")
    assert [message.sequence for message in line.heard[-2:]] == [13 * 5040 % 65536, 13 * 5041 % 65536]


def test_a_line_that_is_full_or_gone_loses_sound_and_nothing_else() -> None:
    near, _ = memory_pair(clock=VirtualClock(), rate_bps=1000)
    bundler = SoundBundler(near, span=4, frame_ms=40)
    for number in range(60):
        bundler.add(bytes(200), captured_s=0.04 * number)
    assert bundler.counts["stale_frames"] > 30
    near.close()
    for _ in range(5):
        bundler.add(b"late", captured_s=9.0)
    nowhere = SoundBundler(Channels(near.reference, near.motion, near.control), span=1, frame_ms=40)
    for _ in range(2):
        nowhere.add(b"x", captured_s=0.0)
    assert nowhere.counts == {"stale_frames": 2}


def test_a_thin_line_gets_longer_messages_and_no_repetition() -> None:
    line = Line(span=2)
    line.bundler.hear_loss(0.2)
    line.bundler.set_pace(span=6, may_repeat=False, may_leave=lambda: True)
    line.say(14)
    assert [len(message.frames) for message in line.heard] == [7, 7]
    assert not any(message.repeated for message in line.heard)


def test_sound_that_would_wait_in_a_full_queue_is_left_out() -> None:
    line, room = Line(span=2), [False]
    line.bundler.set_pace(span=2, may_repeat=True, may_leave=lambda: room[0])
    line.say(3)
    assert line.heard == []
    assert line.bundler.counts["stale_frames"] == 3
    assert not line.bundler.is_leaving()
    room[0] = True
    line.say(2, first=3)
    assert line.bundler.is_leaving()
    assert line.bundler.carry(b"motion")
