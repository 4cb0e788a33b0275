"""The types of pages/ui/shared/shapes.py and the map's own as TypeScript's, and whether a value is of such a type."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Iterator
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from labeling.records import Region
from labeling.sound.spectrogram import SpectrogramSettings
from labeling.sound.tiles import PeakFacts, TileFacts
from pages.ui.map import shapes as of_the_map
from pages.ui.player.component import PageEvent
from pages.ui.player.events import PlayerEvent
from pages.ui.shared import shapes
from tests.support import ROOT

FILE = ROOT / "pages" / "ui" / "shared" / "server.d.ts"
HEAD = """// Written by `make format` from two files called shapes.py and the dataclasses named below; a test compares.
"""
NAMES = {"class_code": "class"}  # fields that Python cannot call as the browser does
PLAIN = {int: "number", float: "number", str: "string", bool: "boolean", type(None): "null", Any: "any"}


def shape_types() -> dict[str, Any]:
    """The types that are declared, by name."""
    both = {**vars(shapes), **vars(of_the_map)}
    own = {name: kind for name, kind in both.items() if is_typeddict(kind)}
    others = (Region, PlayerEvent, PageEvent, SpectrogramSettings, TileFacts, PeakFacts)
    return own | {kind.__name__: kind for kind in others}


def declarations() -> str:
    """The text of server.d.ts."""
    parts = [HEAD]
    for name, kind in shape_types().items():
        if dataclasses.is_dataclass(kind):
            parts.append(f"/** {inspect.getmodule(kind).__name__}.{name} */\n")  # type: ignore[union-attr]
        fields = "".join(
            f"  {field}{'?' if optional else ''}: {declared(hint)};\n" for field, hint, optional in fields_of(kind)
        )
        parts.append(f"export interface {name} {{\n{fields}}}\n")
    return "\n".join(parts).replace("*/\n\n", "*/\n")


def fields_of(kind: Any) -> Iterator[tuple[str, Any, bool]]:
    """Name, type and whether it may be left out, of each field of a TypedDict or a dataclass."""
    hints = get_type_hints(kind, include_extras=True)
    if dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            optional = field.default is not dataclasses.MISSING
            yield NAMES.get(field.name, field.name), hints[field.name], optional
        return
    for name, hint in hints.items():
        optional = get_origin(hint) is NotRequired
        yield name, get_args(hint)[0] if optional else hint, optional


def declared(hint: Any) -> str:
    """A type as TypeScript writes it."""
    if hint in PLAIN:
        return PLAIN[hint]
    origin, of = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(f'"{word}"' for word in of)
    if origin in (Union, types.UnionType):
        return " | ".join(declared(part) for part in of)
    if origin is list:
        inner = declared(of[0])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if origin is tuple:
        return f"[{', '.join(declared(part) for part in of)}]"
    if origin is dict:
        return f"Record<{declared(of[0])}, {declared(of[1])}>"
    assert hint.__name__ in shape_types(), f"{hint} is declared nowhere; add it to tests/support/scripts/typescript.py"
    return str(hint.__name__)


def check(value: Any, hint: Any, where: str = "value") -> None:
    """Raise AssertionError where a value, as JSON holds it, is not of a type; the message says which part."""
    origin, of = get_origin(hint), get_args(hint)
    if hint is Any:
        return
    if is_typeddict(hint):
        fields = {name: (inner, optional) for name, inner, optional in fields_of(hint)}
        assert isinstance(value, dict), f"{where} is no {hint.__name__}: {value!r}"
        assert value.keys() <= fields.keys(), f"{where} has {sorted(value.keys() - fields.keys())}, unknown to {hint}"
        for name, (inner, optional) in fields.items():
            assert name in value or optional, f"{where} has no {name}, which {hint} has"
            if name in value:
                check(value[name], inner, f"{where}.{name}")
    elif origin in (Union, types.UnionType):
        assert any(_fits(value, part) for part in of), f"{where} is {value!r}, not {hint}"
    elif origin is Literal:
        assert value in of, f"{where} is {value!r}, not {hint}"
    elif origin is list:
        assert isinstance(value, list), f"{where} is {value!r}, not a list"
        for index, part in enumerate(value):
            check(part, of[0], f"{where}[{index}]")
    elif origin is tuple:
        assert isinstance(value, list | tuple), f"{where} is {value!r}, not {hint}"
        assert len(value) == len(of), f"{where} is {value!r}, not {hint}"
        for index, part in enumerate(value):
            check(part, of[index], f"{where}[{index}]")
    elif origin is dict:
        assert isinstance(value, dict), f"{where} is {value!r}, not a mapping"
        for key, part in value.items():
            check(key, of[0], f"a key of {where}")
            check(part, of[1], f"{where}[{key!r}]")
    else:
        plain = (int, float) if hint is float else hint
        assert isinstance(value, plain), f"{where} is {value!r}, not {hint.__name__}"
        assert hint is bool or not isinstance(value, bool), f"{where} is {value!r}, not {hint.__name__}"


def _fits(value: Any, hint: Any) -> bool:
    try:
        check(value, hint)
    except AssertionError:
        return False
    return True


if __name__ == "__main__":
    FILE.write_text(declarations(), encoding="utf-8")
