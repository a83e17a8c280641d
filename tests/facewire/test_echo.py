"""Who gets an echo canceller, and what is said where there is none."""

from pathlib import Path

import numpy as np
import pytest

from facewire.call import echo as echo_room
from facewire.call.echo import Echo, without_echo
from facewire.call.options import CallOptions
from receiver.sound.outputs import nobody
from sender.sound.devices import Microphone
from sender.sound.echo import EchoFree
from sender.sound.sources import FileSound
from signaling.errors import OptionsError


@pytest.fixture(params=[True, False], ids=["with", "without"])
def there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(echo_room, "has_echo_canceller", lambda: request.param)
    return bool(request.param)


def test_a_microphone_beside_a_loudspeaker_gets_one_or_a_line(there: bool) -> None:
    said, microphone = list[str](), Microphone()
    source, played = without_echo(microphone, "auto", speaker="default", say=said.append)
    if there:
        assert isinstance(source, EchoFree)
        assert played == source.played
        assert said == []
    else:
        assert source is microphone
        assert played is nobody
        assert said == [
            "no echo canceller, so use headphones, or the other end hears itself (pip install 'facewire[echo]')"
        ]
    played(np.zeros(960, np.float32))


@pytest.mark.parametrize(
    ("echo", "speaker", "name"),
    [("off", "default", "microphone"), ("auto", "none", "microphone"), ("auto", "default", "file")],
)
def test_where_there_is_no_echo_nothing_is_said(echo: Echo, speaker: str, name: str, there: bool) -> None:
    given = Microphone() if name == "microphone" else FileSound(Path("voice.wav"))
    source, played = without_echo(given, echo, speaker=speaker, say=pytest.fail)
    assert source is given
    assert played is nobody
    assert without_echo(None, "on", speaker="default", say=pytest.fail) == (None, nobody)


def test_who_insists_on_one_is_told_how_to_get_it(there: bool) -> None:
    if there:
        assert CallOptions(signal="ws://localhost:1", room="blue", echo="on").echo == "on"
        return
    with pytest.raises(OptionsError, match=r"--echo on: there is no canceller: pip install 'facewire\[echo\]'"):
        CallOptions(signal="ws://localhost:1", room="blue", echo="on")
