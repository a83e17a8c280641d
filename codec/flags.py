"""All programs, flags: a command line made from the dataclass that it fills, so that a default exists once.

A field becomes `--its-name`. Its annotation says how the text is read: bool is a switch, Literal a choice, a tuple a
flag that may be repeated (or, with `separated`, values between commas), X | None an X that may be left out. What --help
says comes from the field's metadata (`option`) or, where there is none, from the lines "name    meaning" of the
dataclass's docstring.
"""

import argparse
import re
from collections.abc import Collection
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

__all__ = ["Parser", "add_flags", "from_flags", "given", "option"]

Options = TypeVar("Options")
_UNSAID = (None, "", 0.0, ())  # defaults that --help need not tell: the text does


class Parser(argparse.ArgumentParser):
    """One that says what is wrong in one line: what there is, `--help` tells."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


def option(text: str, *, separated: bool = False, **argument: Any) -> dict[str, Any]:
    """Metadata of a field: what --help says, and further arguments of argparse's add_argument."""
    return {"help": text, "separated": separated, **argument}


def add_flags(
    parser: argparse.ArgumentParser,
    options: type[Any],
    *,
    title: str | None = None,
    only: Collection[str] | None = None,
    unset: bool = False,
) -> None:
    """Adds a flag for each field of the dataclass `options`, or for those that `only` names, under `title` in the help.

    With `unset`, a flag that is not given is None instead of its default: see `given`.
    """
    group = parser.add_argument_group(title) if title else parser
    hints, helps = get_type_hints(options), _docstring_helps(options)
    for item in fields(options):
        if only is None or item.name in only:
            _add_flag(group, item, hint=hints[item.name], text=helps.get(item.name, ""), unset=unset)


def from_flags(options: type[Options], parsed: argparse.Namespace) -> Options:
    """The dataclass `options` filled from parsed flags. Raises what it raises where it refuses a value."""
    values = {item.name: getattr(parsed, item.name) for item in fields(options)}  # type: ignore[arg-type]
    return options(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def given(parsed: argparse.Namespace, names: Collection[str]) -> dict[str, Any]:
    """The flags of these names that were given, of those added with `unset`."""
    values = {name: getattr(parsed, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _add_flag(group: Any, item: "Field[Any]", *, hint: Any, text: str, unset: bool) -> None:
    said = dict(item.metadata)
    separated = said.pop("separated", False)
    argument = _reading(_bare(hint), separated=separated) | said
    argument["help"] = str(argument.get("help", text)).replace("%", "%%")
    if item.default is MISSING:
        argument["required"] = True
    elif unset:
        argument["default"] = None
    else:
        argument["default"] = [] if argument.get("action") == "append" else item.default
        if item.default not in _UNSAID and not isinstance(item.default, bool):
            shown = ",".join(map(str, item.default)) if separated else str(item.default)
            argument["help"] += f" (default: {shown.replace('%', '%%')})"
    if unset and argument.get("action") == "store_true":
        argument["action"] = argparse.BooleanOptionalAction
    group.add_argument("--" + item.name.replace("_", "-"), dest=item.name, **argument)


def _bare(hint: Any) -> Any:
    """X of X | None."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    return hint


def _reading(hint: Any, *, separated: bool) -> dict[str, Any]:
    """How argparse reads a value of this type."""
    if hint is bool:
        return {"action": "store_true"}
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    if separated:
        return {"type": lambda text: tuple(part.strip() for part in text.split(",") if part.strip())}
    if get_origin(hint) is tuple:
        return {"action": "append"}
    return {"type": hint, "metavar": {str: "NAME", int: "N", float: "N", Path: "PATH"}.get(hint)}


def _docstring_helps(options: type[Any]) -> dict[str, str]:
    return dict(re.findall(r"^ {4}(\w+) {2,}(.+)$", options.__doc__ or "", re.MULTILINE))
