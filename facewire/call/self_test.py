"""All stages, a call of this machine with itself: what works here, what does not, and what to do about it.

A rendezvous server and two ends of a call, as three processes over loopback: each end sends the bundled clip and a tone
of its own, and records what it sees and hears.
"""

import itertools
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from benchmarks.calls.call import json_lines
from benchmarks.calls.processes import Processes, ProcessFailed
from benchmarks.clips.sample import FPS, SAMPLE
from benchmarks.clips.tone import write_tone
from codec.sound import SAMPLE_RATE, Samples
from facewire.finding import Finding
from receiver import ReceiverOptions
from sender import SenderOptions

__all__ = ["FLOOR_FPS", "self_test"]

Say = Callable[[str], None]

TONES_HZ = {"one": 440.0, "other": 659.3}  # far apart: whoever hears itself is found out
SECONDS = 8.0  # of call, after the first picture
PATIENCE_S = 120.0  # for interpreters to import their libraries and read weights on a slow machine
SETTLED = 2  # meter lines that a call begins with
HOLDS = 0.8  # of the clip's pictures a second: below that people see it
FLOOR_FPS = 8  # below that lips and words have parted: it is no call any more
HEARD = 0.5  # of the power is within the tone's own sixth of an octave

ALIKE_DB = 20.0  # PSNR of what is shown to the clip's nearest picture
CLIP_STEP = 5  # of the clip's pictures every so many are looked at
_RECEIVING = ("reorder_ms", "margin_ms", "longest_delay_ms", "stall_ms")

_BLOCKED = "see what it says; else a firewall may stop programs of this machine from reaching each other over UDP"
_SILENT = "see `facewire call --help` for --engine and --precision: what codes the pictures may not run here"
_SLOW = "close other programs; both ends ran here, and one end alone needs half as much"
_TOO_SLOW = (
    "close other programs and try again; if it is all that this machine can do, send less work: --size 256, "
    "--qp 40, or H.264 alone (--mode h264)"
)
_DUMB = "reinstall facewire: the Opus library that it brings does not do its work here"


def self_test(sending: SenderOptions, receiving: ReceiverOptions, *, say: Say, seconds: float = SECONDS) -> int:
    """Calls this machine from itself with these options, and says what became of it. 0 if a call works here, else 1."""
    say(f"self-test: this machine calls itself for {seconds:g} s, with the bundled clip and a tone each way")
    flags = [*_flags(sending), *_flags(receiving, only=_RECEIVING)]
    failed = slow = False
    with tempfile.TemporaryDirectory(prefix="facewire-") as folder:
        for finding in _try(Path(folder), flags, seconds=seconds):
            say(str(finding))
            if not finding.works:
                say(f"      what to do: {finding.advice}")
                failed, slow = failed or finding.needed, slow or not finding.needed
    say("a call does not work here" if failed else f"a call works here{', slower than it should' if slow else ''}")
    say("not tried: camera, microphone, loudspeaker, window, and the way to other machines")
    return int(failed)


def _flags(options: Any, *, only: Sequence[str] = ()) -> list[str]:
    names = only or [item.name for item in fields(options) if item.name != "mode"]
    return [f"--{name.replace('_', '-')}={getattr(options, name)}" for name in names]


def _try(folder: Path, flags: list[str], *, seconds: float) -> Iterator[Finding]:
    with Processes(folder / "logs") as processes:
        try:
            url = _begin(processes)
        except ProcessFailed as failed:
            yield Finding("rendezvous server", False, str(failed), "is 127.0.0.1 there, and may programs listen on it?")
            return
        yield Finding("rendezvous server", True, f"listens on {url}", "")
        try:
            _call(processes, url, folder, flags)
        except ProcessFailed as failed:
            yield Finding("connection", False, str(failed), _BLOCKED)
            return
        yield Finding("connection", True, "the two ends found each other, over UDP with DTLS", "")
        yield from _watch(processes, folder, seconds=seconds)


def _begin(processes: Processes) -> str:
    processes.start("signaling", "signaling", ["--port", "0"])
    return processes.wait_for("signaling", "listening on", timeout_s=PATIENCE_S).split()[-1]


def _call(processes: Processes, url: str, folder: Path, flags: list[str]) -> None:
    for name, frequency in TONES_HZ.items():
        voice = folder / f"{name}.wav"
        write_tone(voice, frequency)
        arguments = ["call", "--signal", url, "--room", "self-test", "--input", str(SAMPLE), "--loop"]
        arguments += ["--mode", "keypoints", "--microphone", str(voice), "--speaker", "none", "--output", "null"]
        arguments += ["--json", str(folder / f"{name}.jsonl"), "--record", str(folder / name)]
        processes.start(name, "facewire", [*arguments, *flags])
    for name in TONES_HZ:
        processes.wait_for(name, "connected", timeout_s=PATIENCE_S)


def _watch(processes: Processes, folder: Path, *, seconds: float) -> Iterator[Finding]:
    try:
        for name in TONES_HZ:
            _await_picture(processes, folder / f"{name}.jsonl", name)
        time.sleep(seconds)
        for name in TONES_HZ:
            processes.stop(name)
    except ProcessFailed as failed:
        yield Finding("pictures", False, str(failed), _SILENT)
        return
    for name, other in zip(TONES_HZ, reversed(TONES_HZ), strict=True):
        way = f"from the {other} end to the {name}"
        yield picture_finding(folder / name / "keypoints.mkv", way)
        yield sound_finding(folder / name / "sound.wav", way, TONES_HZ[other])
        yield pace_finding(json_lines(folder / f"{name}.jsonl"), way)


def _await_picture(processes: Processes, lines: Path, name: str) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not any(line["keypoints"]["totals"].get("frames") for line in json_lines(lines)):
        if processes.has_ended(name) or time.monotonic() > give_up_s:
            raise ProcessFailed(f"no picture came to the {name} end")
        time.sleep(0.2)


def picture_finding(recorded: Path, way: str) -> Finding:
    """Whether what was recorded shows the clip."""
    name = f"pictures {way}"
    try:
        with av.open(str(recorded)) as container:
            images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except (OSError, av.error.FFmpegError) as error:
        return Finding(name, False, f"none was recorded ({error})", _SILENT)
    if not images:
        return Finding(name, False, "none was recorded", _SILENT)
    alike_db = likeness_db(np.asarray(images[-1], np.uint8))
    return Finding(name, alike_db >= ALIKE_DB, f"{len(images)}, {alike_db:.0f} dB like the clip", _SILENT)


def likeness_db(image_rgb: np.ndarray[Any, np.dtype[np.uint8]]) -> float:
    """PSNR of a picture, uint8 (S, S, 3), to the clip's picture that is nearest to it."""
    side = image_rgb.shape[0]
    least = np.inf
    with av.open(str(SAMPLE)) as container:
        for frame in itertools.islice(container.decode(video=0), 0, None, CLIP_STEP):
            clip = cv2.resize(frame.to_ndarray(format="rgb24"), (side, side), interpolation=cv2.INTER_AREA)
            least = min(least, float(np.mean((clip.astype(np.float32) - image_rgb) ** 2)))
    return float(10 * np.log10(255**2 / max(least, 1e-3)))


def sound_finding(recorded: Path, way: str, frequency: float) -> Finding:
    """Whether what was recorded is the tone that was sent."""
    name = f"sound {way}"
    try:
        with wave.open(str(recorded), "rb") as file:
            heard = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    except (OSError, EOFError, wave.Error) as error:
        return Finding(name, False, f"none was recorded ({error})", _DUMB)
    part = power_near(np.asarray(heard, np.float32), frequency)
    return Finding(name, part >= HEARD, f"{part:.0%} of what is heard is the tone of {frequency:.0f} Hz", _DUMB)


def power_near(samples: Samples, frequency: float) -> float:
    """The part, 0 to 1, of the power of samples at 48 kHz that lies within a twelfth of an octave of a frequency."""
    if not len(samples):
        return 0.0
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    near = np.abs(np.log2(np.maximum(frequencies, 1.0) / frequency)) < 1 / 12
    return float(power[near].sum() / max(float(power.sum()), 1e-12))


def pace_finding(lines: Sequence[dict[str, Any]], way: str) -> Finding:
    """Whether pictures come as fast as they were taken. A machine that runs one end alone may do what two cannot.

    Below FLOOR_FPS there is no call; seconds without a picture count.
    """
    first = next((number for number, line in enumerate(lines) if line["shown_fps"]), len(lines))
    seen = lines[first + SETTLED :]
    name = f"pace {way}"
    if not seen:
        return Finding(name, False, "too short to tell", _SLOW, needed=False)
    fps = float(np.median([line["shown_fps"] for line in seen]))
    delays_ms = [line["keypoints"]["delay_ms"] for line in seen if line["keypoints"]["delay_ms"] is not None]
    delay = f", {np.median(delays_ms):.0f} ms after they were taken" if delays_ms else ""
    told = f"{fps:.0f} of {FPS} pictures a second{delay}"
    if fps < FLOOR_FPS:
        return Finding(name, False, f"{told}; {FLOOR_FPS} are the least for a call", _TOO_SLOW)
    return Finding(name, fps >= HOLDS * FPS, told, _SLOW, needed=False)
