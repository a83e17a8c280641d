"""Tests of signaling.credentials and of the options that secrets come in by."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from signaling.credentials import token_from, turn_from, turn_login
from signaling.errors import OptionsError
from signaling.programs import turn_login as program
from signaling.programs.options import MeetingOptions

LOGIN = "lV8v9c9TsajfLXLkZIc5nnmtEng="
SERVER = "turn:user:passw0rd@192.0.2.1"


def test_a_token_is_given_or_in_a_file_or_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("in the file\r\n", encoding="utf-8")
    environment = {"FACEWIRE_TOKEN": "in the environment"}
    assert token_from("given", str(file), environment=environment) == "given"
    assert token_from("", str(file), environment=environment) == "in the file"
    assert token_from("", "", environment=environment) == "in the environment"
    assert token_from("", "", environment={}) == token_from("", "", environment={"FACEWIRE_TOKEN": ""}) == ""


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"two\nlines", b"\x1b[2J", b"x" * 257])
def test_what_is_no_text_is_no_token(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(OptionsError) as caught:
        token_from("", str(file), environment={})
    assert str(caught.value).startswith(f"--token-file {file}: ")
    assert "lines" not in str(caught.value)


@pytest.mark.parametrize("token", ["\udcff", "a\tb", "\x00"])
def test_a_token_that_cannot_be_sent_is_refused_without_being_repeated(token: str) -> None:
    with pytest.raises(OptionsError, match="--token: a token is printable text of 1 to 256 characters"):
        token_from(f"hush{token}", "", environment={})
    with pytest.raises(OptionsError, match="FACEWIRE_TOKEN: a token is printable text") as caught:
        token_from("", "", environment={"FACEWIRE_TOKEN": f"hush{token}"})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("file", ["/nowhere/token", "/", "a\0b"])
def test_a_file_that_cannot_be_read_is_an_option_that_makes_no_sense(file: str) -> None:
    with pytest.raises(OptionsError, match="--token-file"):
        token_from("", file, environment={})


def test_turn_servers_come_from_the_environment_where_none_is_given() -> None:
    environment = {"FACEWIRE_TURN": f"{SERVER} turns:a:b@192.0.2.2"}
    assert turn_from((), environment=environment) == (SERVER, "turns:a:b@192.0.2.2")
    assert turn_from((SERVER,), environment=environment) == (SERVER,)
    assert turn_from((), environment={}) == ()


def test_options_hold_secrets_and_do_not_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEWIRE_TOKEN", "hush")
    monkeypatch.setenv("FACEWIRE_TURN", SERVER)
    options = replace(MeetingOptions(room="green"), room="blue")
    assert (options.token, options.turn) == ("hush", (SERVER,))
    assert "blue" in repr(options)
    assert "hush" not in repr(options)
    assert "passw0rd" not in repr(options)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"signal": "http://me:hush@host:1"}, "--signal http://host:1: expected ws://HOST:PORT or wss://HOST:PORT"),
        ({"room": "a\x1b[2J"}, "--room: a name of printable characters is needed"),
        ({"token": "hush\udcff"}, "--token: a token is printable text"),
        ({"turn": ("turn:me:hush",)}, "not a TURN server"),
        ({"ca": "/nowhere/ca.pem", "signal": "wss://host"}, "--ca /nowhere/ca.pem: no such file"),
        ({"ca": __file__, "signal": "wss://host"}, "no certificates in PEM form in it"),
        ({"ca": __file__}, "only wss:// is verified"),
    ],
)
def test_options_that_make_no_sense_are_told_without_secrets(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(OptionsError) as caught:
        MeetingOptions(**values)  # type: ignore[arg-type]
    assert complaint in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_login_is_the_code_of_its_own_name() -> None:
    # As openssl has it: printf 1700000000:ada | openssl dgst -sha1 -hmac secret -binary | base64
    assert turn_login("secret", user="ada", until_s=1_700_000_000) == ("1700000000:ada", LOGIN)


@pytest.mark.parametrize(
    ("transport", "begins", "ends"),
    [("udp", "turn:", "@host:3478"), ("tcp", "turn:", "@host:3478?transport=tcp"), ("tls", "turns:", "@host:3478")],
)
def test_the_program_prints_what_a_call_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], transport: str, begins: str, ends: str
) -> None:
    file = tmp_path / "secret"
    file.write_text("secret\n")
    words = ["--server", "host:3478", "--secret-file", str(file), "--user", "ada", "--hours", "1"]
    assert program.main([*words, "--transport", transport], now_s=lambda: 1_699_996_400.0) == 0
    url = capsys.readouterr().out.strip()
    assert url == f"{begins}1700000000%3Aada:{quote(LOGIN, safe='')}{ends}"
    assert MeetingOptions(turn=(url,)).turn == (url,)


@pytest.mark.parametrize("words", [["--hours", "0"], ["--secret-file", "/nowhere"], ["--server", ""]])
def test_the_program_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    file = tmp_path / "secret"
    file.write_text("secret")
    assert program.main(["--server", "host", "--secret-file", str(file), *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("facewire turn-login: ")
