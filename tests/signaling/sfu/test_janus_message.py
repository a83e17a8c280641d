"""Tests of reading Janus's texts."""

import json
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.errors import MessageError
from signaling.sfu.janus_message import JanusMessage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("janus", "transaction", "sender", "data", "plugindata", "jsep", "candidate", "error")


def test_the_fields_that_matter_are_read() -> None:
    message = JanusMessage.parse(
        '{"janus": "event", "session_id": 1, "sender": 2, "transaction": "t", "jsep": {"type": "offer", "sdp": "v=0"},'
        ' "plugindata": {"plugin": "p", "data": {"videoroom": "attached"}}}'
    )
    assert message == JanusMessage("event", "t", 2, said={"videoroom": "attached"}, jsep=("offer", "v=0"))


def test_errors_are_those_of_janus_and_of_its_plugins() -> None:
    own = JanusMessage.parse('{"janus": "error", "error": {"code": 458, "reason": "No such session"}}')
    plugins = JanusMessage.parse('{"janus": "event", "plugindata": {"data": {"error_code": 426, "error": "No room"}}}')
    assert (own.error, plugins.error) == ((458, "No such session"), (426, "No room"))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(MessageError):
        JanusMessage.parse(text)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.text(max_size=8))
def test_fields_of_any_kind_are_read_as_what_they_should_be(content: dict[str, Any], kind: str) -> None:
    message = JanusMessage.parse(json.dumps({**content, "janus": kind}))
    assert message.kind == kind
    assert type(message.sender) is int
    assert isinstance(message.transaction, str)
