"""Microphone and loudspeaker through PortAudio, ALSA and PulseAudio, whose null sinks stand for a sound card.

PortAudio reads its devices once a process, so each test is a program of its own in an environment of its own.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmarks.clips.tone import write_tone
from codec.sound.echo import has_echo_canceller
from receiver.errors import DisplayError
from receiver.sound import SoundPlayout
from receiver.sound.outputs import play
from sender.errors import SourceError
from sender.sound.devices import Microphone

ROOT = Path(__file__).parents[2]
MISSING = [name for name in ("pulseaudio", "pactl", "paplay", "parec") if shutil.which(name) is None]
MISSING += [] if find_library("portaudio") else ["libportaudio2"]
MISSING += [] if find_spec("sounddevice") else ["sounddevice"]
card = pytest.mark.skipif(
    bool(MISSING),
    reason=f"{', '.join(MISSING)} not installed: apt-get install pulseaudio pulseaudio-utils libportaudio2",
)

# Sinks and what is played into them as microphones, by the names that PortAudio lists.
ALSA = """
pcm.narrow { type pulse device "narrow" hint { show on description "narrow" } }
pcm.wide { type pulse device "wide" hint { show on description "wide" } }
pcm.narrow_mic { type pulse device "narrow.monitor" hint { show on description "narrow_mic" } }
pcm.wide_mic { type pulse device "wide.monitor" hint { show on description "wide_mic" } }
pcm.room { type pulse device "room" hint { show on description "room" } }
pcm.room_mic { type pulse device "room.monitor" hint { show on description "room_mic" } }
"""
RATES = {"narrow": (8_000, 1), "wide": (96_000, 2)}

CAPTURE = """
import asyncio, json, sys
import numpy as np
from sender.errors import SourceError
from sender.sound.devices import Microphone
blocks, done = [], None
def heard(block):
    blocks.append(block)
    if len(blocks) == 5:
        print("hearing", flush=True)
    if sum(len(block.samples) for block in blocks) >= float(sys.argv[2]) * 48_000:
        done.set()
async def main():
    global done
    done = asyncio.Event()
    running = asyncio.create_task(Microphone(sys.argv[1]).run(heard))
    await asyncio.wait((running, asyncio.create_task(done.wait())), return_when=asyncio.FIRST_COMPLETED)
    error = str(running.exception()) if running.done() else ""
    samples = np.concatenate([block.samples for block in blocks[5:]] or [np.zeros(1)])
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    span_s = blocks[-1].captured_s - blocks[5].captured_s if len(blocks) > 6 else 0.0
    print(json.dumps({"error": error, "peak_hz": float(np.argmax(power) * 48_000 / len(samples)), "span_s": span_s,
        "samples_s": sum(len(block.samples) for block in blocks[5:-1]) / 48_000, "loud": float(np.abs(samples).max())}))
asyncio.run(main())
"""

AGAIN = """
import asyncio
from codec.sound import SoundConfig
from sender.sound.devices import Microphone
from sender.sound.flow import SoundFlow
from signaling.transport.memory import memory_pair
async def main():
    here, _ = memory_pair(delay_s=0.0)
    flow = SoundFlow(Microphone("narrow_mic"), here, config=SoundConfig(), bundle_ms=160,
        news=lambda text: print(text, flush=True))
    running = asyncio.create_task(flow.run())
    for word in ("hearing", "hearing again"):
        while flow.level_db < -60:
            await asyncio.sleep(0.05)
        print(word, flush=True)
        flow.muted = True  # until the level is that of silence
        while flow.level_db > -60:
            await asyncio.sleep(0.05)
        if word == "hearing":
            await asyncio.to_thread(input)
            flow.muted = False
    running.cancel()
asyncio.run(main())
"""

PLAY = """
import asyncio, sys
import numpy as np
from codec.sound import SoundConfig, SoundEncoder, SoundMessage
from receiver.errors import DisplayError
from receiver.sound import SoundPlayout
from receiver.sound.outputs import play
async def main():
    playout, encoder, heard, loud = SoundPlayout(), SoundEncoder(SoundConfig(dtx=False)), [], []
    now_us = round(asyncio.get_running_loop().time() * 1e6)
    for number in range(250):
        t = np.arange(1920) / 48_000 + 0.04 * number
        hum = (0.3 * np.sin(2 * np.pi * 200 * t)).astype(np.float32)
        message = SoundMessage(sequence=number, time=3600 * number, frames=(encoder.encode(hum),))
        playout.add(message, arrived_us=now_us + 40_000 * number)
    def keep(samples, at_us):
        heard.append(at_us)
        if len(heard) == 20:
            print("playing", flush=True)
    try:
        async with asyncio.timeout(float(sys.argv[2])):
            await play(playout, keep, device=sys.argv[1], is_on=lambda: sys.argv[3] == "on")
    except TimeoutError:
        print("ended", len(heard), flush=True)
    except DisplayError as error:
        print(error, flush=True)
asyncio.run(main())
"""

ECHO = """
import asyncio
import numpy as np
from codec.sound import SAMPLE_RATE, SoundConfig, SoundEncoder, SoundMessage
from codec.sound.echo import EchoCanceller
from receiver.sound import SoundPlayout
from receiver.sound.outputs import play
from sender.sound.devices import Microphone
from sender.sound.echo import EchoFree
heard, left, playout = [], [], SoundPlayout()
class Tapped(EchoCanceller):
    def cancel(self, samples, *, played):
        heard.append(samples)
        left.append(super().cancel(samples, played=played))
        return left[-1]
def levels_db(frames):
    seconds = np.reshape(frames[: len(frames) // 100 * 100], (-1, SAMPLE_RATE))
    return 10 * np.log10(np.mean(np.square(seconds), axis=1) + 1e-12)
async def speak():
    random, encoder, number = np.random.default_rng(1), SoundEncoder(SoundConfig(dtx=False)), 0
    begun_us = round(asyncio.get_running_loop().time() * 1e6)
    while True:
        for number in range(number + 1, number + 101):
            loud = 0.1 * max(0.0, np.sin(number * 0.8)) * (np.sin(number * 0.11) > -0.5)
            frame = (loud * random.standard_normal(1920)).astype(np.float32)
            message = SoundMessage(sequence=number, time=3600 * number, frames=(encoder.encode(frame),))
            playout.add(message, arrived_us=begun_us + 40_000 * number)
        await asyncio.sleep(4)
async def main():
    free = EchoFree(Microphone("room_mic"), say=print, make=Tapped)
    playing = play(playout, lambda *_: None, device="room", played=free.played)
    tasks = [asyncio.create_task(work) for work in (free.run(lambda block: None), speak(), playing)]
    while not any(task.done() for task in tasks):
        await asyncio.sleep(0.5)
        if any(before > -45 and before - after > 20 for before, after in zip(levels_db(heard), levels_db(left))):
            print("gone", flush=True)
            break
    for task in tasks:
        task.cancel()
asyncio.run(main())
"""


@dataclass(frozen=True)
class Card:
    """A PulseAudio server and the programs that speak to it."""

    environment: dict[str, str]
    server: "subprocess.Popen[bytes]"

    def control(self, *arguments: str) -> str:
        return subprocess.run(
            ["pactl", *arguments], env=self.environment, capture_output=True, text=True, check=False
        ).stdout

    def start(self, code: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments], cwd=ROOT, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def until(reached: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + 60, threading.Event()
    while not reached():
        assert time.monotonic() < deadline, "never came"
        pause.wait(0.05)


@pytest.fixture
def sound_card(tmp_path: Path) -> Iterator[Card]:
    """Two sinks, and a tone of 440 Hz that is played into both."""
    (tmp_path / "asound.conf").write_text(ALSA)
    environment = os.environ | {
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "PULSE_SERVER": f"unix:{tmp_path}/native",
        "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{tmp_path}/asound.conf",
        "PYTHONPATH": str(ROOT),
    }
    modules = [f"module-native-protocol-unix socket={tmp_path}/native auth-anonymous=1"]
    modules += [f"module-null-sink sink_name={name} rate={rate} channels={n}" for name, (rate, n) in RATES.items()]
    modules += ["module-null-sink sink_name=room rate=48000 channels=1"]
    command = ["pulseaudio", "-n", "--use-pid-file=no", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes"]
    server = subprocess.Popen(
        [*command, *(f"--load={module}" for module in modules)], env=environment, stderr=subprocess.DEVNULL
    )
    card = Card(environment, server)
    players = []
    try:
        until(lambda: "wide" in card.control("list", "short", "sinks"))
        write_tone(tmp_path / "tone.wav", 440.0, seconds=120.0)
        players = [
            subprocess.Popen(
                ["paplay", "-d", name, str(tmp_path / "tone.wav")], env=environment, stderr=subprocess.DEVNULL
            )
            for name in RATES
        ]
        yield card
    finally:
        for process in (*players, server):
            process.kill()
            process.wait()


@card
@pytest.mark.parametrize("name", RATES)
def test_a_microphone_of_any_rate_is_heard_at_its_pitch_and_pace(sound_card: Card, name: str) -> None:
    program = sound_card.start(CAPTURE, f"{name}_mic", "2.5")
    said, _ = program.communicate(timeout=60)
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    assert told["error"] == ""
    assert told["peak_hz"] == pytest.approx(440, abs=5)
    assert told["loud"] > 0.1
    assert told["samples_s"] <= told["span_s"] + 0.2  # never more than time has passed; a busy machine loses some


@card
@pytest.mark.parametrize("how", ["its device", "the server"])
def test_a_microphone_that_vanishes_is_told(sound_card: Card, how: str) -> None:
    program = sound_card.start(CAPTURE, "narrow_mic", "1000")
    assert program.stdout is not None
    assert program.stdout.readline() == "hearing\n"
    if how == "its device":
        sound_card.control("unload-module", "module-null-sink")
    else:
        sound_card.server.kill()
    said, _ = program.communicate(timeout=60)
    assert json.loads(said.splitlines()[-1])["error"] == "microphone narrow_mic: gone"


@card
def test_a_microphone_that_comes_back_is_heard_again(sound_card: Card, tmp_path: Path) -> None:
    program = sound_card.start(AGAIN)
    assert program.stdout is not None
    assert program.stdin is not None
    assert program.stdout.readline() == "hearing\n"
    sound_card.control("unload-module", "module-null-sink")
    assert program.stdout.readline() == "microphone narrow_mic: gone; no sound until it works again\n"
    sound_card.control("load-module", "module-null-sink", "sink_name=narrow", "rate=8000", "channels=1")
    tone = ["paplay", "-d", "narrow", str(tmp_path / "tone.wav")]
    player = subprocess.Popen(tone, env=sound_card.environment, stderr=subprocess.DEVNULL)
    said, _ = program.communicate("go on\n", timeout=60)
    player.kill()
    player.wait()
    assert said.splitlines()[-1] == "hearing again"


@card
@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("switch", ["on", "off"])
def test_a_loudspeaker_of_any_rate_plays_the_voice_unless_it_is_off(
    sound_card: Card, tmp_path: Path, name: str, switch: str
) -> None:
    recorded = tmp_path / "heard.raw"
    with recorded.open("wb") as file:
        command = ["parec", "-d", f"{name}.monitor", "--rate=48000", "--channels=1", "--format=s16le"]
        command.append("--latency-msec=50")
        recorder = subprocess.Popen(command, env=sound_card.environment, stdout=file, stderr=subprocess.DEVNULL)
        program = sound_card.start(PLAY, name, "6", switch)
        said, _ = program.communicate(timeout=60)
        recorder.kill()
        recorder.wait()
    assert "ended" in said
    heard = np.fromfile(recorded, "<i2").astype(np.float64)
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) ** 2
    hertz = np.fft.rfftfreq(len(heard), 1 / 48_000)
    share = power[np.abs(hertz - 200) < 4].sum() / power.sum()  # beside the tone that is there all the time
    assert (share > 0.05) == (switch == "on"), share


@card
@pytest.mark.skipif(not has_echo_canceller(), reason="no echo canceller: pip install 'facewire[echo]'")
def test_the_echo_of_a_loudspeaker_is_gone_from_the_microphone(sound_card: Card) -> None:
    program = sound_card.start(ECHO)
    said, _ = program.communicate(timeout=100)  # a busy machine starves one of the devices, which moves the echo
    assert said == "gone\n"  # a whole second has been 20 dB quieter


@card
@pytest.mark.parametrize("how", ["its device", "the server"])
def test_a_loudspeaker_that_vanishes_is_told(sound_card: Card, how: str) -> None:
    program = sound_card.start(PLAY, "wide", "50", "on")
    assert program.stdout is not None
    assert program.stdout.readline() == "playing\n"
    if how == "its device":
        sound_card.control("unload-module", "module-null-sink")
    else:
        sound_card.server.kill()
    said, _ = program.communicate(timeout=60)
    assert said == "the loudspeaker is gone\n"


@card
def test_a_device_that_is_not_there_is_one_line(sound_card: Card) -> None:
    said, _ = sound_card.start(CAPTURE, "absent", "1").communicate(timeout=60)
    assert "microphone absent: cannot be opened: No input device matching 'absent'" in said


class Held(ModuleType):
    """sounddevice where another program has the device: what PortAudio says of ALSA's EBUSY."""

    @staticmethod
    def query_devices(*_: object) -> dict[str, Any]:
        return {"default_samplerate": 48_000.0, "max_input_channels": 2}

    def _refuse(self, **_: object) -> None:
        raise RuntimeError("Error opening stream: Device unavailable [PaErrorCode -9985]")

    InputStream = OutputStream = _refuse


async def test_a_device_that_another_program_holds_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Held("sounddevice"))
    with pytest.raises(SourceError, match=r"^microphone: cannot be opened: .*Device unavailable"):
        await Microphone().run(lambda block: None)
    with pytest.raises(DisplayError, match=r"^the loudspeaker cannot be opened: .*Device unavailable"):
        await play(SoundPlayout(), lambda samples, at_us: None)
