"""Tests of the sender's options and their command line."""

import dataclasses

import pytest

from sender.errors import OptionsError
from sender.options import CallOptions, SenderOptions, parse_arguments
from signaling.errors import OptionsError as BadOption


def test_no_arguments_are_the_defaults() -> None:
    assert parse_arguments([]) == (CallOptions(), SenderOptions())


def test_each_option_has_a_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.programs.options.trust", lambda url, ca: None)  # there is no such file
    line = (
        "--signal wss://10.0.0.1:9 --ca c.pem --room r --token t --token-file f --input f.mp4 --loop --stun "
        "stun:a --stun stun:b --turn turn:u:p@h --mode h264 --kbps 6.5 --h264-kbps 15 --floor-db 21 --bundle 2 "
        "--size 512 --qp 40 --tune perceptual --threads 2 --weights w --engine torch --precision f32 --crop centre "
        "--face-model y.onnx --reference-kbps 100 --json - --seconds 9 --follow --stream 1 --microphone default "
        "--sound-kbps 12 --max-kbps 90 --min-kbps 9 --log-level warning"
    )
    call, coding = parse_arguments(line.split())
    assert call.stun == ("stun:a", "stun:b")
    assert call.turn == ("turn:u:p@h",)
    assert call.loop
    assert (coding.mode, coding.kbps, coding.size, call.seconds) == ("h264", 6.5, 512, 9.0)
    alone = {  # those that do not go with H.264
        "viewers": parse_arguments(["--viewers", "4"])[0],
        "sfu": parse_arguments(["--sfu", "janus:ws://10.0.0.1:8188"])[0],
    }
    for options, defaults in ((call, CallOptions()), (coding, SenderOptions())):
        for field in dataclasses.fields(options):
            given = alone.get(field.name, options)
            assert getattr(given, field.name) != getattr(defaults, field.name), field.name


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--sfu ws://10.0.0.1:8188", "expected janus:ws://HOST:PORT"),
        ("--sfu janus:http://10.0.0.1:8188", "expected janus:ws://HOST:PORT"),
        ("--sfu janus:ws://10.0.0.1 --viewers 2", "any number may watch"),
        ("--sfu janus:ws://10.0.0.1 --mode h264", "no H.264 goes through an SFU yet"),
        ("--sfu janus:ws://10.0.0.1 --compare", "no H.264 goes through an SFU yet"),
        ("--sfu janus:ws://10.0.0.1 --ca c.pem", "only wss:// is verified"),
    ],
)
def test_what_does_not_go_through_an_sfu_is_refused(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(line.split())
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_compare_is_a_mode_and_a_flag() -> None:
    assert parse_arguments(["--compare"])[1].mode == "compare"
    assert parse_arguments(["--mode", "compare"])[1].mode == "compare"


@pytest.mark.parametrize(
    "values",
    [
        {"mode": "both"},
        {"crop": "left"},
        {"size": 300},
        {"qp": 64},
        {"qp": -1},
        {"tune": "ssim"},
        {"bundle": 0},
        {"bundle": 17},
        {"kbps": -1.0},
        {"kbps": 0.5},
        {"kbps": float("nan")},
        {"h264_kbps": 14.0},
        {"reference_kbps": 0.0},
        {"floor_db": 61.0},
        {"max_kbps": 7.0},
        {"min_kbps": 5.0},
        {"min_kbps": 50.0, "max_kbps": 40.0},
    ],
    ids=str,
)
def test_nonsense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(OptionsError, match="--"):
        SenderOptions(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values", [{"seconds": float("nan")}, {"signal": "http://h"}, {"room": ""}, {"turn": ("x",)}], ids=str
)
def test_nonsense_about_the_call_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(BadOption):
        CallOptions(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments", ["--qp 99", "--mode both", "--bundle x", "--h264-kbps 3", "--unknown", "--turn x"]
)
def test_nonsense_on_the_command_line_is_one_line_and_status_2(
    arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse_arguments(arguments.split())
    assert exit_.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("facewire-send: error: ")


def test_help_shows_each_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    text = capsys.readouterr().out
    for field in (*dataclasses.fields(CallOptions), *dataclasses.fields(SenderOptions)):
        assert "--" + field.name.replace("_", "-") in text
