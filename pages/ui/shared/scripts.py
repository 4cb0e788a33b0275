"""The scripts of a component, joined into the one module that Streamlit takes, and its style sheets.

A script says what it needs by ``import { name } from "./other.js";`` and what it gives by ``export`` before a
declaration, so that editors, tsc, eslint and node read it as it is. Joined, each script is a function of its own, run
once and after those it imports. ``import text from "./some_worker.js?text";`` gives another script, with what that one
imports, as a string from which a worker is started.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

UI = Path(__file__).parents[1]

_IMPORT = re.compile(
    r'^import (?:\{(?P<names>[^}]*)\}|(?P<text>\w+)) from "(?P<path>\.[^"?]*)(?P<query>\?text)?";\n', re.MULTILINE
)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_OTHER = re.compile(r"^(?:import\b|export (?!default function ))[^\n]*", re.MULTILINE)


class ScriptError(ValueError):
    """A script imports what is not there, or itself by way of others; the message names both."""


def join_scripts(entry: str, more: str = "") -> str:
    """The script at a path below pages/ui and all that it imports, as one module.

    Parameters:
        entry: the path, as ``player/player.js``; its ``export default`` is the module's.
        more: source to be read at the end of the entry, by tests that look inside.

    Raises:
        ScriptError: a script or a name in it is missing, or scripts import each other in a circle.
    """
    return _Join().module(UI / entry, more)


def scripts_of(entry: str) -> list[Path]:
    """The files that join_scripts reads, each after those that it imports."""
    join = _Join()
    join.module(UI / entry)
    return join.files


def read_styles(names: Iterable[str]) -> str:
    """The style sheets of these paths below pages/ui, joined."""
    return "\n".join((UI / name).read_text(encoding="utf-8") for name in names)


@dataclass
class _Join:
    """One joining: ``exports`` and ``parts`` of the scripts that are done, ``open`` those whose imports are read."""

    exports: dict[Path, list[str]] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    open: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def module(self, path: Path, more: str = "") -> str:
        """The whole module that begins at a script."""
        body = self._body(path.resolve(), more)
        return "".join([*self.parts, body])

    def _body(self, path: Path, more: str = "") -> str:
        """The text of a script with its imports as plain constants, after what it imports has been joined."""
        if path in self.open:
            circle = " -> ".join(_name(script) for script in [*self.open[self.open.index(path) :], path])
            raise ScriptError(f"scripts import each other in a circle: {circle}; move what they share into a third")
        if not path.is_file():
            by = f", which {_name(self.open[-1])} imports" if self.open else ""
            raise ScriptError(f"there is no script {_name(path)}{by}")
        self.open.append(path)
        text = _IMPORT.sub(lambda match: self._constants(path, match), path.read_text(encoding="utf-8") + more)
        self.open.pop()
        self.files.append(path)
        self.exports[path] = _EXPORT.findall(text)
        text = _EXPORT.sub("", text)
        if other := _OTHER.search(text):
            raise ScriptError(
                f'{_name(path)} has {other[0]!r}; write import {{ name }} from "./other.js"; or export before a '
                "function, class or const"
            )
        return text

    def _constants(self, importer: Path, match: re.Match[str]) -> str:
        path = (importer.parent / match["path"]).resolve()
        if match["query"]:
            worker = _Join(open=[*self.open])
            source = json.dumps(worker.module(path))
            self.files += [script for script in worker.files if script not in self.files]
            return f"const {match['text']} = {source};\n"
        if match["names"] is None:
            raise ScriptError(f"{_name(importer)} imports {match['text']} from {_name(path)}; put the name in {{ }}")
        if path not in self.exports:
            body = self._body(path)
            exported = ", ".join(self.exports[path])
            self.parts.append(f"const {_variable(path)} = (() => {{\n{body}return {{ {exported} }};\n}})();\n")
        names = [name.strip() for name in match["names"].split(",") if name.strip()]
        for name in names:
            if name not in self.exports[path]:
                exported = ", ".join(self.exports[path]) or "nothing"
                raise ScriptError(f"{_name(importer)} imports {name} from {_name(path)}, which exports {exported}")
        return f"const {{ {', '.join(names)} }} = {_variable(path)};\n"


def _name(path: Path) -> str:
    return str(path.relative_to(UI)) if path.is_relative_to(UI) else str(path)


def _variable(path: Path) -> str:
    """The constant that holds what a script exports."""
    return "$" + re.sub(r"\W", "_", _name(path.with_suffix("")))
