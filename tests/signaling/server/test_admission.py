"""Tokens that open a server: its own, and those of one room for a while."""

import time
from pathlib import Path

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.__main__ import main
from signaling.client import SignalingClient
from signaling.errors import OptionsError, TokenError
from signaling.protocol.messages import Hello
from signaling.server.admission import LEAST_SIGNING, Admission, Verdict, judge, room_token
from signaling.server.rendezvous import SignalingServer, listening

SERVER = "0123456789abcdef0123456789abcdef"
SOON_S = 86_400  # beyond the longest run of the tests, which make some of these before the first begins


def until(seconds: float) -> int:
    return round(time.time() + seconds)


def verdict(token: str, *, room: str = "blue", server: str = SERVER) -> Verdict:
    return judge(token, server_token=server, room=room)


def signed(claims: dict[str, object], *, key: str = SERVER, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm=algorithm)


def test_a_token_of_a_room_opens_that_room_for_its_time() -> None:
    token = room_token(SERVER, room="blue", until_s=until(SOON_S))
    assert verdict(token) is Verdict.GOOD
    assert verdict(token, room="red") is Verdict.ELSEWHERE
    assert verdict(room_token(SERVER, room="blue", until_s=until(-1))) is Verdict.EXPIRED
    assert verdict(SERVER, room="any") is Verdict.GOOD


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        SERVER[:-1],
        signed({"aud": "facewire", "room": "blue", "exp": until(SOON_S)}, key=SERVER[::-1]),
        signed({"aud": "facewire", "room": "blue", "exp": until(SOON_S)}, key=SERVER * 2, algorithm="HS512"),
        jwt.encode({"aud": "facewire", "room": "blue", "exp": until(SOON_S)}, "", algorithm="none"),
        signed({"aud": "another", "room": "blue", "exp": until(SOON_S)}),
        signed({"aud": "facewire", "exp": until(SOON_S)}),
        signed({"aud": "facewire", "room": "blue"}),
        signed({"aud": "facewire", "room": "blue", "exp": "never"}),
        signed({"aud": "facewire", "room": "blue", "exp": until(SOON_S)})[:-2],
    ],
)
def test_what_another_signed_or_what_says_too_little_opens_nothing(token: str) -> None:
    assert verdict(token) is Verdict.WRONG


@pytest.mark.parametrize("room", [None, 7, ["blue"], {"blue": 1}])
def test_a_room_that_is_no_name_is_another(room: object) -> None:
    assert verdict(signed({"aud": "facewire", "room": room, "exp": until(SOON_S)})) is not Verdict.GOOD


@given(st.text(max_size=256))
@settings(deadline=None)
def test_any_text_is_judged(text: str) -> None:
    printable = "".join(character for character in text if character.isprintable())
    assert verdict(printable) is Verdict.WRONG
    assert verdict(f"eyJhbGciOiJIUzI1NiJ9.{printable}.{printable}") is Verdict.WRONG


def test_a_short_token_signs_none_and_opens_by_none() -> None:
    short = SERVER[: LEAST_SIGNING - 1]
    with pytest.raises(OptionsError, match="32 characters"):
        room_token(short, room="blue", until_s=until(SOON_S))
    assert verdict(room_token(SERVER, room="blue", until_s=until(SOON_S)), server=short) is Verdict.WRONG
    with pytest.raises(OptionsError, match="too long"):
        room_token(SERVER, room="\u00e4" * 64, until_s=until(SOON_S))


def test_an_end_that_returns_may_be_late_and_one_that_is_late_is_no_guesser() -> None:
    admission = Admission(SERVER, now_s=lambda: 0.0)
    late = Hello("blue", "sender", "a", room_token(SERVER, room="blue", until_s=until(-1)), "secret")
    for _ in range(20):
        assert admission.refusal(late, "1.2.3.4", returns=False) == ("token", "this token is good no more")
    assert admission.refusal(late, "1.2.3.4", returns=True) is None
    for _ in range(6):
        admission.refusal(Hello("blue", "sender", "a", "guess", "secret"), "1.2.3.4", returns=False)
    refusal = admission.refusal(late, "1.2.3.4", returns=False)
    assert refusal is not None
    assert refusal[0] == "busy"


async def test_a_server_lets_in_whoever_was_handed_a_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "token"
    own.write_text(SERVER)
    assert main(["token", "--room", "blue", "--for", "1h", "--token-file", str(own)]) == 0
    token = capsys.readouterr().out.strip()
    async with listening(SignalingServer(token=SERVER), host="127.0.0.1", port=0) as url:
        async with await SignalingClient.connect(url, room="blue", role="sender", token=token):
            pass
        with pytest.raises(TokenError, match="another room"):
            await SignalingClient.connect(url, room="red", role="sender", token=token)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--room", "blue"], "FACEWIRE_TOKEN is needed"),
        (["--room", "", "--token-file", "FILE"], "--room: a room needs a name"),
        (["--room", "blue", "--token-file", "nowhere"], "nowhere: No such file"),
        (["--room", "blue", "--token-file", "SHORT"], "32 characters or more"),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FACEWIRE_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text(SERVER)
    Path("SHORT").write_text("short")
    assert main(["token", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("facewire signal token: ")
    assert says in line
    assert "short" not in line


@pytest.mark.parametrize("time_text", ["0s", "1", "h", "-1h", "1w", "9999999999s", "400d", "1.5h"])
def test_a_time_that_is_none_is_refused(time_text: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["token", "--room", "blue", "--for", time_text])
    assert ended.value.code == 2
