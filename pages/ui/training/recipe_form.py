"""The recipe of a training, chosen and changed: the main settings as a form, every other one in a table.

What the user changed is kept for the session, by recipe: Streamlit forgets a widget's value when its page is left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from labeling.errors import EarmarkError
from labeling.storage.files import write_atomically
from models import worker
from models.config import RECIPES_DIR, Recipe, load_recipe, recipe_names, recipe_to_toml
from models.config.settings import every_setting, in_use, main_settings, value_of
from models.frozen.catalogue import FROZEN, is_installed
from pages.ui import session

OWN = "recipes"  # the workspace's folder of its own recipes
PATHS = ("network.weights", "augment.background.folder", "targets.teacher", "linear.space")  # or hold one
CHOSEN, CHANGES = "recipe_chosen", "recipe_changes"


@dataclass(frozen=True)
class Choice:
    """A recipe, by what `load_recipe` finds it by, and the changes to it as KEY=VALUE.

    ``changed`` is the recipe with them, None where they contradict each other (the page has said so).
    """

    name: str
    recipe: Recipe
    changes: tuple[str, ...]
    changed: Recipe | None

    @property
    def text(self) -> str:
        """The recipe's name, and how many settings differ from it."""
        count = len(self.changes)
        name = _stem(self.name)
        return f"{name} with {count} setting{'s' * (count > 1)} changed" if count else name


@lru_cache(maxsize=256)
def _read(path: str, changed_at: int) -> Recipe:
    return load_recipe(path)


def read(path: Path) -> Recipe:
    """A recipe's file, parsed again only when it has changed; raises as load_recipe does."""
    name = path.stem if path.parent == RECIPES_DIR else str(path)
    try:
        return _read(name, path.stat().st_mtime_ns)
    except OSError:
        return load_recipe(name)


def default_recipe() -> str:
    """What somebody who has chosen nothing yet is offered: on a CPU a linear head, where its frozen model is there."""
    on_cpu = worker.device_text().startswith("CPU")
    return "linear" if on_cpu and is_installed(FROZEN.get("aisfx")) else "quick"


def choose() -> Choice:
    """Let the user pick a recipe and change its settings.

    A recipe of the workspace that cannot be read is named with its mistake, and left out.
    """
    with session.messages():
        known = {name: read(RECIPES_DIR / f"{name}.toml") for name in recipe_names()}
    first = default_recipe()
    for_cpu_first = sorted(known, key=lambda name: (name != first, known[name].cpu_hours_per_hour == 0))
    own: list[str] = []
    for path in sorted((session.workspace().root / OWN).glob("*.toml")):
        try:
            known[str(path)] = read(path)
            own.append(str(path))
        except EarmarkError as problem:
            st.warning(
                session.plain(f"Your recipe {path.name} is left out until its file is put right: {problem}"),
                icon=":material/warning:",
            )

    def text(key: str) -> str:
        return f"yours: {_stem(key)} ({known[key].title})" if key in own else f"{key}: {known[key].title}"

    names = [*own, *for_cpu_first]
    wanted = st.session_state.pop("recipe_kept", "") or st.session_state.get("recipe") or st.session_state.get(CHOSEN)
    if st.session_state.get("recipe") != wanted or wanted not in names:
        st.session_state["recipe"] = wanted if wanted in names else first
    name = st.selectbox("Recipe", names, format_func=text, key="recipe")
    st.session_state[CHOSEN] = name
    recipe = known[name]
    source = "" if recipe.source in ("", "Earmark") else f" Source: {recipe.source}."
    st.caption(session.plain(f"{recipe.description}{source}"))
    return _changed(name, recipe)


def _stem(name: str) -> str:
    return Path(name).stem if name.endswith(".toml") else name


def _changed(name: str, recipe: Recipe) -> Choice:
    every_form = st.session_state.setdefault(CHANGES, {})
    kept: Mapping[str, str] = every_form.get(name, {})
    with st.expander("Main settings", icon=":material/tune:", key="main_settings"):
        values = _main(name, recipe, kept)
    with st.expander("All other settings", icon=":material/list:", key="other_settings"):
        values |= _others(name, recipe, kept)
    every_form[name] = values
    changes = tuple(f"{key}={value}" for key, value in values.items())
    if not changes:
        st.caption("Every setting as the recipe has it.")
        return Choice(name, recipe, (), recipe)
    before = {row.key: row.value for row in every_setting(recipe)}
    words = ", ".join(f"{key} {before[key] or '(empty)'} → {value or '(empty)'}" for key, value in values.items())
    st.caption(session.plain(f"{len(changes)} setting{'s' * (len(changes) > 1)} changed: {words}"))
    changed = None
    with st.container(horizontal=True, vertical_alignment="center"):
        beside = st.container(width="content")
        st.button(
            "Undo the changes", icon=":material/restart_alt:", key="recipe_reset", type="tertiary",
            on_click=_reset, args=(name,),
        )  # fmt: skip
    try:
        for key in PATHS:
            session.check_typed(values.get(key, ""))
        changed = load_recipe(name, changes)
    except EarmarkError as problem:
        st.error(session.plain(str(problem)), icon=":material/error:")
    else:
        with beside:
            _keep(name, recipe, changed)
    return Choice(name, recipe, changes, changed)


def _reset(name: str) -> None:
    """Forget the changes; new keys make new widgets, as a table keeps its edits in the browser."""
    st.session_state[CHANGES].pop(name, None)
    st.session_state["recipe_form"] = st.session_state.get("recipe_form", 0) + 1


def _key(name: str, setting: str) -> str:
    return f"{name}:{setting}:{st.session_state.get('recipe_form', 0)}"


def _main(name: str, recipe: Recipe, kept: Mapping[str, str]) -> dict[str, str]:
    values = {}
    columns = st.columns(4)
    for index, setting in enumerate(main_settings(recipe)):
        own = float(value_of(recipe, setting.key))
        number: Any = int if setting.kind == "int" else float
        key = _key(name, setting.key)
        session.begin_with({key: number(kept.get(setting.key, own))})
        shown = columns[index % 4].number_input(
            setting.label,
            min_value=number(min(setting.low, own)),  # a recipe's own value is never out of bounds
            max_value=number(max(setting.high, own)),
            step=number(setting.step),
            format=None if setting.kind == "int" else "%g",
            help=f"{setting.help} The recipe has {own:g}.",
            key=key,
        )
        if shown != number(own):
            values[setting.key] = str(shown) if setting.kind == "int" else f"{shown:.10g}"
    return values


def _others(name: str, recipe: Recipe, kept: Mapping[str, str]) -> dict[str, str]:
    main = {setting.key for setting in main_settings(recipe)}
    rows = [row for row in every_setting(recipe) if row.key not in main and in_use(recipe, row.key)]
    key = _key(name, "settings")
    if key not in st.session_state:  # a new table; its data must not change while its edits are in the browser
        st.session_state["recipe_table"] = dict(kept)
    begun = st.session_state.get("recipe_table", {})
    table = pd.DataFrame(
        [(row.key, begun.get(row.key, row.value), row.help) for row in rows],
        columns=["setting", "value", "what it is"],
    )
    st.caption(
        "Double-click a value to change it. The magnifier finds a setting. Lists read [1, 2]; switches true, false."
    )
    edited = st.data_editor(
        table,
        key=key,
        disabled=["setting", "what it is"],
        hide_index=True,
        height=420,
        column_config={
            "setting": st.column_config.TextColumn(width=230),
            "value": st.column_config.TextColumn(width=150),
            "what it is": st.column_config.TextColumn(width="large"),
        },
    )
    values = [("" if pd.isna(value) else str(value)).strip() for value in edited["value"]]
    return {row.key: value for row, value in zip(rows, values, strict=True) if value != row.value}


def _keep(name: str, recipe: Recipe, changed: Recipe) -> None:
    """Save the changed recipe among the workspace's own, or take it along as a file."""
    with st.popover("Keep this recipe", icon=":material/save:"):
        own = name.endswith(".toml")
        begun = _stem(name) if own else f"{name}-mine"
        title = st.text_input("Name", value=begun, max_chars=60, key=f"keep:{name}").strip()
        folder = session.workspace().root / OWN
        fits = bool(re.fullmatch(r"[\w-]+", title)) and title not in recipe_names()
        if not fits:
            st.caption(
                ":material/error: Use letters, digits, - and _ for the name, and not the name of a recipe that comes "
                "with Earmark."
            )
        exists = (folder / f"{title}.toml").exists()
        text = recipe_to_toml(replace(changed, name=title, cpu_hours_per_hour=cost(recipe, changed))) if fits else ""
        if st.button(
            "Replace the one of this name" if exists else "Save in this workspace",
            icon=":material/save:",
            disabled=not fits,
            key="recipe_save",
        ):
            path = folder / f"{title}.toml"
            with session.messages():
                write_atomically(path, text.encode())
            _reset(name)
            st.session_state["recipe_kept"] = str(path)
            st.toast(session.plain(f"Recipe {title} is kept in this workspace, and chosen"))
            st.rerun()
        st.download_button(
            "Download as a file", text, file_name=f"{title}.toml", icon=":material/download:", disabled=not fits
        )


def cost(recipe: Recipe, changed: Recipe) -> float:
    """CPU hours for an hour of audio after the changes, as epochs and folds scale it; 0 where it is not known."""
    if changed.linear.space:  # nearly all of it is hearing each clip once
        return recipe.cpu_hours_per_hour
    work = changed.train.epochs * (changed.folds.folds - 1) / (recipe.train.epochs * (recipe.folds.folds - 1))
    return recipe.cpu_hours_per_hour * work * changed.train.members / recipe.train.members
