"""Tests of signaling.server.log: short lines, few of them."""

import io
import logging

from signaling.server.log import BoundedHandler
from signaling.server.quotas import Allowance


def logged(*texts: str, lines: Allowance | None = None, now: list[float] | None = None) -> list[str]:
    stream = io.StringIO()
    clock = now if now is not None else [0.0]
    handler = BoundedHandler(stream, lines=lines or Allowance(at_once=10, per_s=1), now_s=lambda: clock[0])
    for number, text in enumerate(texts):
        if number == len(texts) - 1:
            clock[0] += 10.0
        handler.handle(logging.LogRecord("room", logging.WARNING, "", 0, "%s", (text,), None))
    return stream.getvalue().splitlines()


def test_a_line_is_one_line_that_can_be_printed() -> None:
    (line,) = logged("room \x1b]0;owned\x07\r\nfake line\u202e" + "x" * 1000)
    assert line.isprintable()
    assert len(line) < 350
    assert "warning: room ]0;owned fake line" in line


def test_an_exception_is_what_it_says_not_where() -> None:
    stream = io.StringIO()
    try:
        raise ValueError("bad\nrequest")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), (ValueError, error, error.__traceback__))
    BoundedHandler(stream, now_s=lambda: 0.0).handle(record)
    assert stream.getvalue().endswith("error: failed: ValueError: bad request\n")
    assert stream.getvalue().count("\n") == 1


def test_lines_beyond_the_allowance_are_counted() -> None:
    lines = logged(*(f"line {number}" for number in range(100)), "the last one")
    assert len(lines) == 11
    assert lines[9].endswith("line 9")
    assert lines[10].endswith("the last one (90 lines before this one were left out)")
