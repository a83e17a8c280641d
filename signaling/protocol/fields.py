"""Signaling, fields: what the annotation of a message field allows, and the check made of it."""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

__all__ = ["Between", "Field", "Longest", "Named", "Unfit", "fields_of"]

_Check = Callable[[object], Any]


@dataclass(frozen=True, slots=True)
class Longest:
    """The most characters of a text, or items of a list or map."""

    items: int


@dataclass(frozen=True, slots=True)
class Between:
    """The smallest and the largest value of a number, both allowed."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Named:
    """The ranges of a map's numbers: of those with a name that is known, and of all others."""

    ranges: Mapping[str, Between]
    others: Between


class Unfit(Exception):
    """What is wrong with one value, to be said after the field's name."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message type, and how its value is checked."""

    name: str
    default: object  # MISSING: it has to be there
    check: _Check

    @property
    def required(self) -> bool:
        """Whether a message without it is none."""
        return self.default is dataclasses.MISSING

    def says(self, value: object) -> bool:
        """Whether a value says more than leaving it out does."""
        return type(value) is not type(self.default) or value != self.default


def _check_for(annotation: Any) -> _Check:
    """The check of one annotation; it returns the value as the dataclass holds it, or raises Unfit."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        inner, limits = _check_for(arguments[0]), arguments[1:]
        return lambda value: functools.reduce(_limited, limits, inner(value))
    if origin in (types.UnionType, typing.Union):  # only `X | None` occurs
        present = _check_for(arguments[0])
        return lambda value: None if value is None else present(value)
    if origin is Literal:
        return lambda value: _one_of(value, arguments)
    if origin is tuple:
        return _list_of(_check_for(arguments[0]))
    if origin is Mapping:
        return _figures
    return {str: _text, bool: _truth, int: _whole_number, float: _number}[annotation]


def _limited(value: Any, limit: Longest | Between | Named) -> Any:
    if isinstance(limit, Longest):
        if len(value) > limit.items:
            raise Unfit(f"is longer than {limit.items}")
    elif isinstance(limit, Named):
        for name, number in value.items():
            _limited(number, limit.ranges.get(name, limit.others))
    elif not limit.low <= value <= limit.high:
        raise Unfit(f"is not between {limit.low:.16g} and {limit.high:.16g}")
    return value


def _one_of(value: object, allowed: tuple[object, ...]) -> object:
    if not isinstance(value, str) or value not in allowed:
        raise Unfit(f"is {value!r:.40}, not one of {', '.join(map(str, allowed))}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("is no text")
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, as Python reads foreign bytes of a command line
        raise Unfit("is no text") from None
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit("is no truth value")
    return value


def _whole_number(value: object) -> int:
    if type(value) is not int:
        raise Unfit("is no whole number")
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float) or not math.isfinite(number := float(typing.cast(float, value))):
        raise Unfit("is no finite number")
    return number


def _list_of(check: _Check) -> _Check:
    def listed(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise Unfit("is no list")
        return tuple(map(check, value))

    return listed


def _figures(value: object) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise Unfit("is no map")
    return {_limited(_text(key), Longest(64)): _number(figure) for key, figure in value.items()}


def fields_of(cls: type[Any]) -> tuple[Field, ...]:
    """The fields of the message dataclass `cls`, in their order, with the checks its annotations ask for."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return tuple(
        Field(field.name, _default_of(field), _check_for(hints[field.name])) for field in dataclasses.fields(cls)
    )


def _default_of(field: "dataclasses.Field[Any]") -> object:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
