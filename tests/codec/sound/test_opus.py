"""Opus: what comes back is what went in, silence costs next to nothing, losses are made up, damage has a name."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.errors import BitstreamError, ConfigError
from codec.sound.opus import SAMPLE_RATE, FrameMs, Samples, SoundConfig, SoundDecoder, SoundEncoder


def voice(seconds: float) -> Samples:
    """Something like speech: harmonics of a gliding pitch, in syllables."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * t)) / SAMPLE_RATE
    tones = sum(np.sin(n * phase) / n for n in range(1, 12))
    syllables = 0.2 + np.maximum(0, np.sin(2 * np.pi * 3 * t))
    return (0.15 * tones * syllables).astype(np.float32)


def coded(samples: Samples, config: SoundConfig) -> tuple[SoundEncoder, list[bytes]]:
    encoder, size = SoundEncoder(config), config.frame_samples
    return encoder, [encoder.encode(samples[start : start + size]) for start in range(0, len(samples) - size + 1, size)]


def band_levels(samples: Samples) -> Samples:
    """Level in dB of a few bands below 4 kHz, every 20 ms, (T, B)."""
    frames = samples[: len(samples) // 960 * 960].reshape(-1, 960)
    power = np.abs(np.fft.rfft(frames * np.hanning(960))) ** 2
    edges = [2, 5, 9, 16, 30, 50, 80]
    return np.asarray(10 * np.log10(np.add.reduceat(power, edges, axis=1)[:, :-1] + 1e-3), np.float32)


def distance_db(one: Samples, other: Samples) -> float:
    size = min(len(one), len(other))
    return float(np.abs(band_levels(one[:size]) - band_levels(other[:size])).mean())


@pytest.mark.parametrize("frame_ms", [40, 60])
@pytest.mark.parametrize("kbps", [6.0, 8.0, 24.0])
def test_a_voice_comes_back_at_its_bitrate(kbps: float, frame_ms: FrameMs) -> None:
    samples = voice(6)
    encoder, packets = coded(samples, SoundConfig(kbps=kbps, frame_ms=frame_ms))
    rate = sum(map(len, packets)) * 8 / (len(packets) * frame_ms)
    assert 0.4 * kbps < rate < 1.15 * kbps
    decoder = SoundDecoder(frame_ms)
    shown = np.concatenate([decoder.decode(packet) for packet in packets])
    assert len(shown) == len(packets) * encoder.config.frame_samples
    aligned = distance_db(samples, shown[encoder.lookahead :])
    assert aligned < 6 < distance_db(samples, np.zeros_like(samples))


def test_silence_is_not_sent() -> None:
    quiet = np.zeros(6 * SAMPLE_RATE, np.float32)
    _, with_dtx = coded(quiet, SoundConfig())
    _, without = coded(quiet, SoundConfig(dtx=False))
    assert sum(not packet for packet in with_dtx) > 0.8 * len(with_dtx)
    assert all(without)
    decoder = SoundDecoder()
    assert max(np.abs(decoder.decode(packet)).max() for packet in with_dtx) < 0.01


def level(samples: Samples) -> float:
    return float(np.sqrt((samples**2).mean()))


def test_a_lost_frame_is_drawn_on_from_the_voice_before_it_and_sinks_to_the_background() -> None:
    _, packets = coded(voice(1.8), SoundConfig(kbps=16))  # it ends amid a syllable
    decoder = SoundDecoder()
    heard = [level(decoder.decode(packet)) for packet in packets]
    gone = [level(decoder.conceal()) for _ in range(25)]
    assert gone[0] > 0.4 * heard[-1]
    assert max(gone[5:]) < 0.3 * heard[-1]


def losing(packets: list[bytes], *, recovers: bool) -> Samples:
    """The samples with a tenth of the packets lost."""
    chance, decoder = random.Random(3), SoundDecoder()
    lost = [chance.random() < 0.1 for _ in packets]
    out: list[Samples] = []
    for number, packet in enumerate(packets):
        following = packets[number + 1] if number + 1 < len(packets) and not lost[number + 1] else b""
        if not lost[number]:
            out.append(decoder.decode(packet))
        else:
            out.append(decoder.recover(following) if recovers else decoder.conceal())
    return np.concatenate(out)


def test_fec_helps_where_there_are_bits_for_it() -> None:
    config = SoundConfig(kbps=24, fec=True)
    encoder, size, samples = SoundEncoder(config), config.frame_samples, voice(12)
    encoder.expect_loss(0.1)
    packets = [encoder.encode(samples[start : start + size]) for start in range(0, len(samples) - size + 1, size)]
    decoder = SoundDecoder()
    whole = np.concatenate([decoder.decode(packet) for packet in packets])
    with_fec, without = (distance_db(whole, losing(packets, recovers=recovers)) for recovers in (True, False))
    assert with_fec < 0.8 * without


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=200), st.booleans())
def test_any_bytes_are_sound_or_a_named_error_and_the_decoder_goes_on(data: bytes, fec: bool) -> None:
    decoder = SoundDecoder()
    try:
        samples = decoder.recover(data) if fec else decoder.decode(data)
        assert samples.shape == (1920,)
    except BitstreamError:
        pass
    assert decoder.conceal().shape == (1920,)


def test_mutated_packets_leave_a_decoder_that_works() -> None:
    chance, (_, packets) = random.Random(7), coded(voice(2), SoundConfig(kbps=12))
    decoder = SoundDecoder()
    for packet in packets:
        damaged = bytearray(packet)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            samples = decoder.decode(bytes(damaged))
        except BitstreamError:
            samples = decoder.conceal()
        assert np.isfinite(samples).all()
    after = np.concatenate([decoder.decode(packet) for packet in packets])
    fresh = SoundDecoder()
    assert distance_db(after, np.concatenate([fresh.decode(packet) for packet in packets])) < 3


def test_what_is_not_finite_or_too_loud_is_coded_all_the_same() -> None:
    encoder = SoundEncoder()
    samples = np.full(1920, np.nan, np.float32)
    samples[::3], samples[1::3] = np.inf, 40.0
    assert isinstance(encoder.encode(samples), bytes)


@pytest.mark.parametrize("options", [{"kbps": 5.9}, {"kbps": 24.1}, {"kbps": float("nan")}, {"frame_ms": 20}])
def test_options_out_of_range(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        SoundConfig(**options)  # type: ignore[arg-type]


def test_a_frame_of_another_length_and_an_impossible_loss() -> None:
    encoder = SoundEncoder()
    with pytest.raises(ConfigError, match="shape"):
        encoder.encode(np.zeros(960, np.float32))
    with pytest.raises(ConfigError, match="loss"):
        encoder.expect_loss(1.5)


def test_another_bitrate_is_taken_up_at_once() -> None:
    samples, config = voice(4.0), SoundConfig(kbps=16)
    encoder, size = SoundEncoder(config), config.frame_samples
    frames = [samples[start : start + size] for start in range(0, len(samples) - size + 1, size)]
    high = sum(len(encoder.encode(frame)) for frame in frames[: len(frames) // 2])
    encoder.set_kbps(6)
    assert encoder.config.kbps == 6
    assert sum(len(encoder.encode(frame)) for frame in frames[len(frames) // 2 :]) < 0.6 * high
    with pytest.raises(ConfigError):
        encoder.set_kbps(5)
