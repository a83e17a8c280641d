"""Stages 4 and 8, sound: Opus at a few kilobits a second, and the messages that carry it; no device, no clock."""

from codec.sound.message import MAX_FRAMES, SoundMessage
from codec.sound.opus import SAMPLE_RATE, Samples, SoundConfig, SoundDecoder, SoundEncoder

__all__ = ["MAX_FRAMES", "SAMPLE_RATE", "Samples", "SoundConfig", "SoundDecoder", "SoundEncoder", "SoundMessage"]
