"""Stages 7 to 10, sound: messages in, samples out when they are due; the clock that pictures follow."""

from receiver.sound.intake import SoundIntake
from receiver.sound.playout import SoundPlayout
from receiver.sound.track import SoundTrack

__all__ = ["SoundIntake", "SoundPlayout", "SoundTrack"]
