"""Recipes as TOML: found by name or path, changed by ``section.key=value``, written out whole."""

from __future__ import annotations

import json
import math
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from labeling.errors import ArtefactError, ConfigError, UnknownName
from labeling.registry import unknown_name
from models.config.recipe import COST, SECTIONS, TEXTS, Recipe

RETIRED = ("folds.duplicate_similarity",)
"""Settings that earlier runs wrote down and nothing reads any more."""
_NOTHING = ("none", "null")
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:_[0-9]+)*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
RECIPES_DIR = Path(__file__).parent.parent / "recipes"


def recipe_names() -> list[str]:
    """Names of the recipes that come with Earmark, sorted."""
    return sorted(path.stem for path in RECIPES_DIR.glob("*.toml"))


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, and apply changes to it.

    Parameters
    ----------
    name_or_path : str
        A recipe that comes with Earmark, or the path of a ``.toml`` file.
    overrides : sequence of str
        ``section.key=value`` each; the front of a key may be left out where only one setting ends so.

    Returns
    -------
    Recipe
        Frozen, and free of contradictions.

    Raises
    ------
    ConfigError
        The file cannot be read, or a setting contradicts another; the message names value, bound and remedy.
    UnknownName
        There is no such recipe, section or setting.

    Examples
    --------
    >>> from models.config import load_recipe
    >>> recipe = load_recipe("quick", ["epochs=4", "mixup.probability=0"])
    >>> recipe.train.epochs, recipe.augment.mixup.probability, recipe.network.name
    (4, 0.0, 'cnn')
    >>> load_recipe("quick", ["epochs=none"])
    Traceback (most recent call last):
        ...
    labeling.errors.ConfigError: train.epochs = 'none' must be a whole number
    """
    if name_or_path in recipe_names():
        path = RECIPES_DIR / f"{name_or_path}.toml"
    else:
        path = Path(name_or_path)
        if path.suffix != ".toml":
            raise UnknownName(
                unknown_name("recipe", name_or_path, recipe_names()) + "; or give the path of a .toml file"
            )
    table = _read(path)
    for override in overrides:
        key, text = parse_override(override)
        *tables, name = key.split(".")
        place = table
        for section in tables:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ConfigError(f"recipe section {section} = {place!r} must be a table: [{section}]")
        place[name] = _value_of(text, all_settings()[key])
    return recipe_from_table(table)


def _read(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no recipe file {path}; known recipes: {', '.join(recipe_names())}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"recipe file {path} cannot be read as TOML: {error}") from None
    table.setdefault("name", path.stem)
    return table


def recipe_of(folder: Path) -> Recipe:
    """The recipe that a run was started with; raises ArtefactError where this Earmark cannot read it.

    A setting that its file lacks was not there yet, and means what happened then.
    """
    try:
        table = _read(folder / "recipe.toml")
        loss = table.get("loss")
        if isinstance(loss, dict) and loss.get("name") == "weighted_bce":
            loss.setdefault("positive_weight_max", 0.0)
        return recipe_from_table(table)
    except (ConfigError, UnknownName) as error:
        raise ArtefactError(
            f"{folder.name} was started with a recipe that this Earmark does not know ({error}); start a new run"
        ) from error


def recipe_from_table(table: Mapping[str, Any]) -> Recipe:
    """Make a recipe of a parsed TOML table; raises ConfigError and UnknownName for what does not belong."""
    for key in table:
        if key not in (*SECTIONS, *TEXTS, COST):
            raise UnknownName(unknown_name("recipe section", key, [*TEXTS, COST, *SECTIONS]))
    texts = {key: table.get(key, "") for key in TEXTS}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise ConfigError(f"recipe {key} = {value!r} must be text")
    sections = {name: _section(name, kind, table.get(name, {})) for name, kind in SECTIONS.items()}
    cost = table.get(COST, 0.0)
    if isinstance(cost, bool) or not isinstance(cost, int | float):
        raise ConfigError(f"recipe {COST} = {cost!r} must be a number")
    return Recipe(**texts, cpu_hours_per_hour=float(cost), **sections)


@cache
def all_settings() -> Mapping[str, Any]:
    """Every setting by its full key (``train.epochs``, ``augment.mixup.probability``) -> its type."""
    settings = {key: hint for section, kind in SECTIONS.items() for key, hint in _settings_of(kind, f"{section}.")}
    return types.MappingProxyType(settings)


@cache
def _types_of(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _settings_of(kind: type, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, hint in _types_of(kind).items():
        if is_dataclass(hint):
            yield from _settings_of(typing.cast("type", hint), f"{prefix}{name}.")
        else:
            yield prefix + name, hint


def parse_override(text: str) -> tuple[str, str]:
    """Split ``section.key=value`` into the full key and the value's text.

    The front of a key may be left out where only one setting ends so: ``epochs=20``, ``mixup.probability=0.5``.
    Raises ConfigError and UnknownName.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"setting {text!r} must read KEY=VALUE, such as train.epochs=20")
    settings = all_settings()
    if key in settings:
        return key, value.strip()
    fitting = [full for full in settings if full.endswith(f".{key}")]
    if len(fitting) > 1:
        owners = ", ".join(full.removesuffix(f".{key}") for full in fitting)
        raise ConfigError(f"setting {key!r} exists in {owners}; write {fitting[0]}=…")
    if fitting:
        return fitting[0], value.strip()
    section, dot, name = key.partition(".")
    if not dot:
        raise UnknownName(unknown_name("setting", key, sorted({full.split(".", 1)[1] for full in settings})))
    if section not in SECTIONS:
        raise UnknownName(unknown_name("recipe section", section, list(SECTIONS)))
    known = sorted(full.split(".", 1)[1] for full in settings if full.startswith(f"{section}."))
    raise UnknownName(unknown_name(f"setting of [{section}]", name, known))


def recipe_to_toml(recipe: Recipe) -> str:
    r"""Write a whole recipe as TOML, every default included; `load_recipe` reads it back to an equal one.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    str

    Examples
    --------
    >>> from models.config import load_recipe, recipe_to_toml
    >>> print("\n".join(recipe_to_toml(load_recipe("quick")).splitlines()[6:10]))
    [features]
    sample_rate = 32000
    n_fft = 2048
    hop_length = 1024
    """
    lines = [f"{key} = {toml_value(getattr(recipe, key))}" for key in (*TEXTS, COST)]
    for name in SECTIONS:
        lines += ["", f"[{name}]"]
        lines += [f"{key} = {toml_value(value)}" for key, value in asdict(getattr(recipe, name)).items()]
    return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """A setting as TOML writes it; ``none`` stands for no value."""
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # TOML's basic strings take JSON's escapes, except that DEL must be escaped too.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return repr(value)


def setting_value(key: str, text: str) -> Any:
    """The value that ``text`` gives to a setting, by its full key; raises ConfigError where it is of another type."""
    hint = all_settings()[key]
    return _coerce(key, _value_of(text, hint), hint)


def _value_of(text: str, hint: Any) -> Any:
    """A value as TOML reads it, or as people write it where ``hint`` is what the setting wants: ``.3``, ``True``,
    ``[log, delta]``. What cannot be read so is returned as text."""
    if isinstance(hint, types.UnionType):
        if text.lower() in _NOTHING:
            return "none"
        hint = next(item for item in typing.get_args(hint) if item is not type(None))
    try:
        value = tomllib.loads(f"value = {text}") if "\n" not in text else {}
    except tomllib.TOMLDecodeError:
        value = {}
    if isinstance(value.get("value"), list if typing.get_origin(hint) is tuple else str):
        return value["value"]
    if hint is str:
        return text
    if typing.get_origin(hint) is tuple and text[:1] + text[-1:] in ("[]", "()"):
        parts = [part.strip() for part in text[1:-1].split(",")]
        return [_value_of(part, typing.get_args(hint)[0]) for part in parts if part]
    if isinstance(value.get("value"), int | float | list):
        return value["value"]
    if hint is bool:
        return _BOOLEANS.get(text.lower(), text)
    return float(text) if hint in (int, float) and _NUMBER.fullmatch(text) else text


def _section(name: str, kind: type, table: Any) -> Any:
    if not isinstance(table, Mapping):
        raise ConfigError(f"recipe section {name} = {table!r} must be a table: [{name}]")
    hints = _types_of(kind)
    values = {}
    for key, value in table.items():
        if f"{name}.{key}" in RETIRED:
            continue
        if key not in hints:
            raise UnknownName(unknown_name(f"setting of [{name}]", key, sorted(hints)))
        full = f"{name}.{key}"
        values[key] = (
            _section(full, hints[key], value) if is_dataclass(hints[key]) else _coerce(full, value, hints[key])
        )
    return kind(**values)


def _coerce(name: str, value: Any, hint: Any) -> Any:
    """``value`` as the type that the field declares, or ConfigError that says which type it must have."""
    if isinstance(hint, types.UnionType):
        inner = next(item for item in typing.get_args(hint) if item is not type(None))
        return None if value == "none" else _coerce(name, value, inner)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{name} = {value!r} must be a list, such as [1, 2]")
        return tuple(_coerce(name, item, typing.get_args(hint)[0]) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():  # 1e3
        return int(value)
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    if type(value) is not hint or (hint is float and not math.isfinite(value)):
        raise ConfigError(f"{name} = {value!r} must be {words[hint]}{_remedy(value, hint)}")
    return value


def _remedy(value: Any, hint: type) -> str:
    """How a number is to be written that was written with a comma or a per cent sign; "" for anything else."""
    if not isinstance(value, str) or hint not in (int, float):
        return ""
    if hint is int and re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+", value):
        return f"; write {value.replace(',', '')}"
    if hint is float and re.fullmatch(r"[+-]?[0-9]*,[0-9]+", value):
        return f"; write {float(value.replace(',', '.')):g}"
    if hint is float and (share := re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?%", value)):
        return f"; write {float(share[1]) / 100:g}"
    return ""
