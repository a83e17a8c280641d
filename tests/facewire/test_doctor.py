"""The doctor: what works is said to, what does not comes with what to do, and the exit status tells."""

import sys
from pathlib import Path

import pytest

from benchmarks.clips.sample import SAMPLE
from facewire.doctor import checks
from facewire.doctor.__main__ import main
from facewire.finding import Finding
from signaling.programs.options import MeetingOptions
from signaling.server import SignalingServer, listening


async def test_a_server_that_answers_and_one_that_does_not() -> None:
    async with listening(SignalingServer(), host="127.0.0.1", port=0) as url:
        assert (await checks.rendezvous(MeetingOptions(signal=url))).works
    gone = await checks.rendezvous(MeetingOptions(signal="ws://127.0.0.1:9"))
    assert not gone.works
    assert "facewire signal" in gone.advice


async def test_a_camera_that_is_there_and_one_that_is_not(tmp_path: Path) -> None:
    assert "512x512" in (await checks.camera(str(SAMPLE))).seen
    absent = await checks.camera(str(tmp_path / "absent.mp4"))
    assert not absent.works
    assert absent.advice


async def test_servers_that_nobody_named_are_not_tried() -> None:
    assert await checks.relays(MeetingOptions(), "srflx") is None
    assert await checks.relays(MeetingOptions(), "relay") is None


async def test_a_stun_server_that_is_none_gives_no_address() -> None:
    finding = await checks.relays(MeetingOptions(stun=("stun:127.0.0.1:9",)), "srflx")
    assert finding is not None
    assert not finding.works


def test_the_codecs_pace_is_told_and_a_slow_one_is_no_failure() -> None:
    finding = checks.codec_pace(256)
    assert "times real time" in finding.seen
    assert not finding.needed


def test_versions_name_what_codes() -> None:
    assert "openvino" in checks.versions().seen


async def test_a_machine_without_an_echo_canceller_can_call_with_headphones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit.rtc.apm", None)
    finding = await checks.echo()
    assert not finding.works
    assert not finding.needed
    assert "headphones" in finding.advice
    assert str(finding).startswith("none  echo canceller: there is no echo canceller: pip install 'facewire[echo]'")


@pytest.mark.parametrize(("works", "status"), [(True, 0), (False, 1)])
def test_the_exit_status_is_what_the_findings_say(
    works: bool, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def tried(*_: object) -> Finding:
        return Finding("device", works, "seen", "mend it")

    for name in ("camera", "microphone", "loudspeaker", "echo", "window", "rendezvous"):
        monkeypatch.setattr(checks, name, tried)
    monkeypatch.setattr(checks, "codec_pace", lambda _: Finding("codec", False, "slow", "wait", needed=False))
    assert main([]) == status
    said = capsys.readouterr().out
    assert "slow  codec: slow" in said
    assert ("what to do: mend it" in said) is not works


def test_an_address_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--signal", "http://x"])
    assert done.value.code == 2
    assert "expected ws://" in capsys.readouterr().err
