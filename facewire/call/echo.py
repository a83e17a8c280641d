"""Stages 1 and 10, sound: where the microphone and the loudspeaker of a call meet, so that nobody hears themselves."""

from collections.abc import Callable
from typing import Literal

from codec.sound.echo import has_echo_canceller
from receiver.sound.outputs import GivenOut, nobody
from sender.sound.devices import Microphone
from sender.sound.echo import EchoFree
from sender.sound.sources import SoundSource

__all__ = ["ECHO_HELP", "Echo", "why_no_canceller", "without_echo"]

Echo = Literal["auto", "on", "off"]
ECHO_HELP = (
    "take what the loudspeaker plays out of what the microphone hears (needs facewire[echo]); auto: with devices alone"
)

_HOW = "pip install 'facewire[echo]'"


def why_no_canceller(echo: Echo) -> str | None:
    """What stands against it; None where nothing does."""
    return f"--echo on: there is no canceller: {_HOW}" if echo == "on" and not has_echo_canceller() else None


def without_echo(
    source: SoundSource | None, echo: Echo, *, speaker: str, say: Callable[[str], None]
) -> tuple[SoundSource | None, GivenOut]:
    """What to send for the sound of `source`, and who is to be told what the loudspeaker is given.

    Where a canceller would be of use and there is none, that is said.
    """
    if source is None or speaker == "none" or echo == "off" or (echo == "auto" and not isinstance(source, Microphone)):
        return source, nobody
    if not has_echo_canceller():
        say(f"no echo canceller, so use headphones, or the other end hears itself ({_HOW})")
        return source, nobody
    free = EchoFree(source, say=say)
    return free, free.played
