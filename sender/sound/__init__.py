"""Stages 1 to 6, sound: a voice in, messages out that carry the motion of the same span along."""

from sender.sound.flow import SoundFlow
from sender.sound.sources import Block, FileSound, SoundSource, TrackSound

__all__ = ["Block", "FileSound", "SoundFlow", "SoundSource", "TrackSound"]
