"""Sound's playout in virtual time: continuous, adaptive, in step with a drifting sender, complete under loss."""

import itertools
import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from codec.sound import SAMPLE_RATE, Samples, SoundConfig, SoundEncoder, SoundMessage
from receiver.sound.playout import SoundPlayout

FRAME_US = 40_000
SPAN = 4  # frames a message
BLOCK = 960


def pulses(count: int, *, silent_from: int | None = None) -> list[bytes]:
    """Packets of a hum; b"" from a frame on."""
    encoder = SoundEncoder(SoundConfig(dtx=False))
    t = np.arange(count * 1920) / SAMPLE_RATE
    hum = (0.3 * np.sin(2 * np.pi * 200 * t)).astype(np.float32)
    packets = [encoder.encode(hum[start : start + 1920]) for start in range(0, len(hum), 1920)]
    return packets if silent_from is None else packets[:silent_from] + [b""] * (count - silent_from)


HUM = pulses(120)


class Line:
    """Sends messages of four frames and plays them, block after block, on a clock of its own."""

    def __init__(
        self,
        playout: SoundPlayout,
        *,
        repeats: bool = False,
        lost: Callable[[int], bool] = lambda number: False,
        path_us: Callable[[int], int] = lambda number: 10_000,
        drift: float = 0.0,
        origin_us: int = 1_000_000,
        packets: list[bytes] = HUM,
    ) -> None:
        self.playout, self._repeats, self._lost, self._path_us = playout, repeats, lost, path_us
        self._drift, self._origin_us, self._packets = drift, origin_us, packets
        self.now_us = 0
        self._number = 0
        self._arrivals: list[tuple[int, SoundMessage]] = []
        self.offsets: list[float] = []
        self.paused_us = 0  # that the microphone was gone: it counted nothing meanwhile

    def run(self, seconds: float) -> Samples:
        """What is heard in that time."""
        return np.concatenate([self._block() for _ in range(int(seconds * 50))])

    def _block(self) -> Samples:
        self._send()
        for arrived_us, message in [one for one in self._arrivals if one[0] <= self.now_us]:
            self.playout.add(message, arrived_us=arrived_us)
        self._arrivals = [one for one in self._arrivals if one[0] > self.now_us]
        samples = self.playout.pull(BLOCK, play_us=self.now_us, now_us=self.now_us)
        self.offsets.append(self.playout.delay_us)
        self.now_us += 20_000
        return samples

    def _send(self) -> None:
        """The sender's sound card counts (1 + drift) frames where the clocks of the ends count one."""
        span_us = round(SPAN * FRAME_US / (1 + self._drift))
        while (complete_us := (self._number + 1) * span_us + self.paused_us) <= self.now_us:
            message = self._message(self._number, captured_us=complete_us - span_us)
            if not self._lost(self._number):
                self._arrivals.append((complete_us + self._path_us(self._number), message))
            self._number += 1

    def _message(self, number: int, *, captured_us: int) -> SoundMessage:
        def frames(message: int) -> tuple[bytes, ...]:
            return tuple(self._packets[(message * SPAN + n) % len(self._packets)] for n in range(SPAN))

        return SoundMessage(
            sequence=number * SPAN % 65536,
            time=(self._origin_us + captured_us) * 9 // 100 % (1 << 32),
            frames=frames(number),
            repeated=frames(number - 1) if self._repeats and number else (),
        )


def silent_blocks(samples: Samples) -> Iterator[bool]:
    for block in samples.reshape(-1, BLOCK):
        yield bool(np.abs(block).max() < 0.05)


def test_a_clean_line_is_heard_without_a_gap_and_a_message_late() -> None:
    line = Line(SoundPlayout())
    heard = line.run(8)
    assert not any(list(silent_blocks(heard))[30:])
    counts = line.playout.counts
    assert counts["concealed"] == counts["late"] == counts["skipped"] == 0
    assert line.playout.delay_us == pytest.approx(3 * FRAME_US + 25_000, abs=15_000)


def test_a_frequency_is_kept() -> None:
    heard = Line(SoundPlayout()).run(8)[-SAMPLE_RATE * 2 :]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) / 2 == pytest.approx(200, abs=1)


def test_a_tenth_lost_is_made_good_by_the_message_after_it() -> None:
    chance = random.Random(5)
    lost = [chance.random() < 0.1 for _ in range(1000)]
    line = Line(SoundPlayout(), repeats=True, lost=lost.__getitem__)
    line.run(15)  # until the delay has room for the message after
    counts = line.playout.counts
    before = counts["concealed"] + counts["stretched"]
    line.run(60)
    alone = sum(one and after for one, after in itertools.pairwise(lost[:475])) * SPAN  # nothing helps these
    assert counts["played"] > 1700
    assert counts["concealed"] + counts["stretched"] - before <= alone + 0.01 * counts["played"]
    assert counts["repeated"] > 80


def test_without_repetition_they_are_made_up_and_the_rest_is_in_place() -> None:
    line = Line(SoundPlayout(), lost=lambda number: number % 10 == 5)
    heard = line.run(20)
    made_up = line.playout.counts["concealed"] + line.playout.counts["stretched"]
    assert made_up == pytest.approx(12 * SPAN, abs=2 * SPAN)
    assert sum(list(silent_blocks(heard))[30:]) < 0.1 * 970


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_half_an_hour_of_drifting_clocks_makes_no_delay_and_leaves_nothing_out(drift: float) -> None:
    line = Line(SoundPlayout(), drift=drift)
    line.run(20)
    early_us = np.mean(line.offsets[-250:])
    line.offsets.clear()
    line.run(30 * 60 - 20)
    assert np.mean(line.offsets[-250:]) == pytest.approx(early_us, abs=3000)
    assert max(line.offsets) - min(line.offsets) < 40_000
    assert line.playout.counts["skipped"] == line.playout.counts["concealed"] == 0


def test_the_delay_follows_the_line_up_and_comes_back() -> None:
    slow = range(50, 90)
    line = Line(SoundPlayout(), path_us=lambda number: 150_000 if number in slow else 10_000)
    line.run(7)
    before_us = line.playout.delay_us
    line.run(7)
    assert line.playout.delay_us > before_us + 100_000
    line.run(30)
    assert line.playout.delay_us == pytest.approx(before_us, abs=15_000)


def stalled(*stalls: range) -> Callable[[int], int]:
    """Messages of these numbers come together, with the last of them."""

    def path_us(number: int) -> int:
        last = next((stall[-1] for stall in stalls if number in stall), number)
        return 10_000 + (last - number) * SPAN * FRAME_US

    return path_us


def test_a_line_that_stood_still_once_is_forgiven_soon() -> None:
    line = Line(SoundPlayout(), path_us=stalled(range(50, 58)))  # 1.3 s, after eight
    line.run(8)
    before_us = line.playout.delay_us
    line.offsets.clear()
    line.run(12)
    assert max(line.offsets) > before_us + 200_000
    assert line.playout.delay_us < before_us + 60_000, "played away, 20 ms a second, long before twelve are over"


def test_it_is_forgiven_where_messages_vary_as_they_do_and_one_came_a_little_late_since() -> None:
    chance = random.Random(3)
    jitter_us = [chance.randrange(20_000) for _ in range(1000)]
    still = stalled(range(50, 58), range(75, 77))  # 1.3 s, and four seconds later .3
    line = Line(SoundPlayout(), path_us=lambda number: still(number) + jitter_us[number])
    line.run(8)
    before_us = line.playout.delay_us
    line.run(11)
    assert line.playout.delay_us < before_us + 100_000, "20 ms a second, long before twelve are over"


def test_a_line_that_stands_still_again_and_again_is_waited_for() -> None:
    line = Line(SoundPlayout(), path_us=stalled(*(range(first, first + 8) for first in range(20, 400, 30))))
    line.run(14)
    line.offsets.clear()
    line.run(30)
    assert min(line.offsets) > 3 * FRAME_US + 300_000


def test_a_line_that_was_cut_goes_on_with_what_is_new() -> None:
    line = Line(SoundPlayout(), lost=lambda number: 30 <= number < 60)
    line.run(5)
    usual_us = line.playout.delay_us
    line.run(7)
    assert line.playout.delay_us < usual_us + 250_000
    assert not any(list(silent_blocks(line.run(4)))[50:])


def test_numbers_and_times_wrap() -> None:
    line = Line(SoundPlayout(), origin_us=round((1 << 32) * 100 / 9) - 3_000_000)
    line._number, line.now_us = 0, 0
    assert not any(list(silent_blocks(line.run(8)))[30:])
    assert line.playout.counts["restarts"] == line.playout.counts["skipped"] == 0


def test_another_stream_on_the_same_channel_starts_over() -> None:
    playout = SoundPlayout()
    Line(playout).run(3)
    far = SoundMessage(sequence=30_000, time=5, frames=tuple(HUM[:4]))
    playout.add(far, arrived_us=3_100_000)
    assert playout.counts["restarts"] == 1
    later = SoundMessage(sequence=30_004, time=5 + 14_400, frames=tuple(HUM[4:8]), frame_ms=60)
    playout.add(later, arrived_us=3_300_000)
    assert playout.pull(BLOCK, play_us=3_600_000, now_us=3_600_000).shape == (BLOCK,)


def test_damaged_packets_are_made_up_and_counted() -> None:
    damaged = [bytes([255, 255, 255]) if number % 7 == 3 else packet for number, packet in enumerate(HUM)]
    line = Line(SoundPlayout(), packets=damaged)
    heard = line.run(6)
    assert line.playout.counts["malformed"] > 10
    assert np.isfinite(heard).all()


def test_pictures_follow_the_sound_and_sound_waits_for_them() -> None:
    line = Line(SoundPlayout())
    assert line.playout.picture_offset_us(1_000_000, now_us=0) is None
    line.run(6)
    alone_us = line.playout.picture_offset_us(1_000_000, now_us=line.now_us)
    assert alone_us is not None
    line.playout.wait_for(alone_us + 60_000, pts_origin_us=1_000_000)
    line.run(15)
    waited_us = line.playout.picture_offset_us(1_000_000, now_us=line.now_us)
    assert waited_us == pytest.approx(alone_us + 60_000, abs=5000)
    assert line.playout.picture_offset_us(1_000_000, now_us=line.now_us + 2_000_000) is None


def test_nothing_came_is_silence() -> None:
    assert not SoundPlayout().pull(BLOCK, play_us=0, now_us=0).any()


def test_where_nothing_comes_any_more_it_becomes_silent() -> None:
    line = Line(SoundPlayout(), lost=lambda number: number >= 10)
    heard = line.run(4.0)
    power = np.abs(heard.reshape(-1, 4800)).max(axis=1)  # of each tenth of a second
    cut = 16 + int(line.playout.delay_us / 100_000)  # what is there is played first
    assert power[5:cut].min() > 0.1
    assert power[cut + 6 :].max() == 0.0


def test_pictures_do_not_wait_for_a_microphone_that_is_gone() -> None:
    line = Line(SoundPlayout(), lost=lambda number: number >= 20)
    line.run(4)
    heard_us = line.playout.picture_offset_us(1_000_000, now_us=line.now_us)
    assert heard_us is not None
    line.run(3)
    assert line.playout.picture_offset_us(1_000_000, now_us=line.now_us) is None


@pytest.mark.parametrize("pause_s", [3, 40])
def test_a_microphone_that_comes_back_is_heard_at_once(pause_s: int) -> None:
    line = Line(SoundPlayout())
    line.run(5)
    before_us = line.playout.picture_offset_us(1_000_000, now_us=line.now_us)
    line.paused_us = pause_s * 1_000_000
    heard = line.run(pause_s + 4)
    assert not any(list(silent_blocks(heard))[50 * pause_s + 50 :])
    after_us = line.playout.picture_offset_us(1_000_000, now_us=line.now_us)
    assert after_us == pytest.approx(before_us, abs=20_000)
    assert line.playout.counts["restarts"] == 1
