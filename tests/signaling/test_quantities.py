"""Tests of the table of quantities: every number of every message has a range, and is refused beyond it."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgpack
import pytest

from signaling.errors import MessageError
from signaling.protocol.fields import Between, Named
from signaling.protocol.messages import _TYPES as TYPES
from signaling.protocol.messages import QualityReport, ReceiverReport, decode, encode
from signaling.protocol.quantities import DelayMs, or_unknown

REPORT = {"v": 1, "t": "quality-report", "pts": 0, "keypoints_psnr_db": None, "h264_psnr_db": None, "mode": "h264"}


def numbers(annotation: Any, limits: tuple[Any, ...] = ()) -> Iterator[tuple[type, tuple[Any, ...]]]:
    """Each int and float in an annotation, with the limits that stand around it."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        yield from numbers(arguments[0], arguments[1:])
    elif origin in (types.UnionType, typing.Union, tuple):
        for argument in arguments:
            if argument not in (type(None), Ellipsis):
                yield from numbers(argument, limits if origin is not tuple else ())
    elif origin is Mapping:
        yield arguments[1], limits
    elif annotation in (int, float):
        yield annotation, limits


@pytest.mark.parametrize("name", TYPES)
def test_every_number_of_every_message_has_a_range(name: str) -> None:
    hints = typing.get_type_hints(TYPES[name], include_extras=True)
    for field in dataclasses.fields(TYPES[name]):
        for kind, limits in numbers(hints[field.name]):
            assert any(isinstance(limit, Between | Named) for limit in limits), f"{name}.{field.name} is any {kind}"


@pytest.mark.parametrize(
    ("figure", "least", "most"),
    [("pts_origin_us", 0, 2**53), ("h264_origin_pts", 0, 2**40), ("qp", -1e9, 1e9)],
)
def test_figures_end_where_the_table_says(figure: str, least: float, most: float) -> None:
    for value in (least, most):
        message = decode(msgpack.packb({**REPORT, "figures": {figure: value}}))
        assert isinstance(message, QualityReport)
        assert message.figures == {figure: value}
    for value in (least - 1, most + 2, 1e25, -1e25, 1e308, 2**63):
        with pytest.raises(MessageError, match="figures is not between") as caught:
            decode(msgpack.packb({**REPORT, "figures": {figure: value}}))
        assert len(str(caught.value)) < 100


def test_a_value_of_ours_that_makes_no_sense_is_unknown() -> None:
    assert or_unknown(80.5, DelayMs) == 80.5
    assert or_unknown(-9e15, DelayMs) is None
    assert or_unknown(None, DelayMs) is None
    encode(ReceiverReport(0.0, or_unknown(9e15, DelayMs), 25.0, 0.0))
