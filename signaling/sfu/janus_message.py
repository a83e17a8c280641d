"""Stage 6, SFU messages: one JSON text of Janus's protocol, read with care: whoever answers there may be a stranger.

The same few fields matter of each: what it is, which request it answers, which handle it is about, what the plugin
says, a description (`jsep`), and an error. What a plugin says is looked at where it is used, by `rooms`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from signaling.errors import MessageError

__all__ = ["MAX_BYTES", "JanusMessage"]

MAX_BYTES = 1 << 20  # a room of some thousand participants lists them in one text


@dataclass(frozen=True, slots=True)
class JanusMessage:
    """What Janus says. `error` is (number, words), its own or a plugin's."""

    kind: str
    transaction: str = ""
    sender: int = 0  # the handle
    id: int = 0  # of the session or handle that was made
    said: Mapping[str, Any] | None = None  # by the plugin
    jsep: tuple[str, str] | None = None  # type, SDP
    candidate: Mapping[str, Any] | None = None
    error: tuple[int, str] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises MessageError, and nothing else, for what is none."""
        if len(text) > MAX_BYTES:
            raise MessageError(f"Janus sent {len(text)} characters at once")
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            raise MessageError("Janus sent what is no JSON") from None
        if not isinstance(content, dict) or not isinstance(content.get("janus"), str):
            raise MessageError("Janus sent what is no message")
        said = _map(_map(content, "plugindata") or {}, "data")
        return cls(
            kind=content["janus"],
            transaction=_text(content, "transaction"),
            sender=_whole(content, "sender"),
            id=_whole(_map(content, "data") or {}, "id"),
            said=said,
            jsep=_jsep(content),
            candidate=_map(content, "candidate"),
            error=_error(content, said),
        )


def _map(content: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = content.get(name)
    return value if isinstance(value, dict) else None


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    return value if isinstance(value, str) else ""


def _whole(content: Mapping[str, Any], name: str) -> int:
    value = content.get(name)
    return value if type(value) is int else 0


def _jsep(content: Mapping[str, Any]) -> tuple[str, str] | None:
    jsep = _map(content, "jsep")
    return None if jsep is None else (_text(jsep, "type"), _text(jsep, "sdp"))


def _error(content: Mapping[str, Any], said: Mapping[str, Any] | None) -> tuple[int, str] | None:
    if content["janus"] == "error":
        error = _map(content, "error") or {}
        return _whole(error, "code"), _text(error, "reason")
    if said is not None and "error_code" in said:
        return _whole(said, "error_code"), _text(said, "error")
    return None
