"""Options and the flags made from them."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from codec import CodecConfig
from codec.flags import add_flags, from_flags
from receiver.errors import OptionsError
from receiver.options import CallOptions, ReceiverOptions
from signaling.errors import OptionsError as BadOption


def parse(text: str) -> tuple[CallOptions, ReceiverOptions]:
    parser = argparse.ArgumentParser()
    add_flags(parser, CallOptions, title="the call")
    add_flags(parser, ReceiverOptions, title="receiving")
    parsed = parser.parse_args(text.split())
    return from_flags(CallOptions, parsed), from_flags(ReceiverOptions, parsed)


def test_the_defaults_are_the_dataclasses_own() -> None:
    call, receiving = parse("")
    assert call == CallOptions()
    assert receiving == ReceiverOptions()


def test_every_flag_arrives() -> None:
    call, receiving = parse(
        "--signal ws://h:1 --room r --output a.mp4 --token t --stun stun:a --stun stun:b --turn turn:u:p@h"
        " --seconds 2.5 --json m.jsonl --record d --size 512 --reorder-ms 20 --margin-ms 0 --stall-ms 900 --threads 2"
        " --weights w --engine torch --precision f32"
    )
    assert call.stun == ("stun:a", "stun:b")
    assert (call.output, call.token, call.seconds, call.json, call.record) == ("a.mp4", "t", 2.5, "m.jsonl", Path("d"))
    assert receiving == ReceiverOptions(
        size=512,
        reorder_ms=20,
        margin_ms=0,
        stall_ms=900,
        threads=2,
        weights="w",
        engine="torch",
        precision="f32",
    )
    assert receiving.codec == CodecConfig(size=512, threads=2, weights="w", engine="torch", precision="f32")


@pytest.mark.parametrize(
    "wrong",
    [{"signal": "http://h"}, {"room": ""}, {"output": "a.avi"}, {"seconds": 0.0}],
)
def test_call_options_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadOption):
        CallOptions(**({"signal": "ws://h:1", "room": "r"} | wrong))


@pytest.mark.parametrize("wrong", [{"size": 300}, {"reorder_ms": -1}, {"stall_ms": 100_000}, {"threads": 1000}])
def test_receiver_options_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionsError):
        ReceiverOptions(**wrong)
