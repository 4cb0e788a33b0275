"""pages/ui/shared/scripts.py: scripts joined in the order of their imports, and what is said where they cannot."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from pages.ui.light import clip, html, suspects
from pages.ui.map.component import MAP
from pages.ui.player.component import PLAYER
from pages.ui.rows.component import ROWS
from pages.ui.shared.scripts import UI, ScriptError, join_scripts, scripts_of
from pages.ui.wall.component import WALL
from tests.support.scripts.node import NODE

COMPONENTS = (PLAYER, WALL, ROWS, MAP)
ENTRIES = (*(one.entry for one in COMPONENTS), clip.ENTRY, clip.EARLY, suspects.ENTRY, html.NAME_ENTRY)


def write(folder: Path, **scripts: str) -> str:
    """Scripts by name; returns the path of the one called main."""
    for name, text in scripts.items():
        (folder / f"{name}.js").write_text(text)
    return str(folder / "main.js")


def run(script: str) -> list[str]:
    """The lines that a module prints."""
    asked = [NODE, "--input-type=module", "--eval", script]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split("\n")[:-1]


def test_each_script_runs_once_after_those_it_imports_in_a_scope_of_its_own(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        main='import { left } from "./left.js";\nimport {\n  right,\n} from "./right.js";\nconst mine = "main";\n'
        "console.log(mine, left(), right);\n",
        left='import { base } from "./base.js";\nconst mine = "left";\nexport function left() {\n'
        "  return `${mine} ${base}`;\n}\n",
        right='import { base } from "./base.js";\nconst mine = "right";\nexport const right = mine + base;\n',
        base='console.log("base");\nexport const base = 1;\n',
    )
    assert run(join_scripts(entry)) == ["base", "main left 1 right1"]
    assert run(join_scripts(entry, 'import { base } from "./base.js";\nconsole.log(base);\n'))[2] == "1"
    assert [path.stem for path in scripts_of(entry)] == ["base", "left", "right", "main"]


def test_a_worker_goes_in_as_a_text_with_what_it_imports(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        main='import source from "./some_worker.js?text";\nconsole.log(JSON.stringify(source));\n',
        some_worker='import { double } from "./double.js";\nconsole.log(double(21));\n',
        double="export function double(value) {\n  return 2 * value;\n}\n",
    )
    (source,) = run(join_scripts(entry))
    assert run(json.loads(source)) == ["42"]
    assert [path.stem for path in scripts_of(entry)] == ["double", "some_worker", "main"]


@pytest.mark.parametrize(
    ("scripts", "message"),
    [
        ({"main": 'import { a } from "./a.js";\n'}, "there is no script a.js, which main.js imports"),
        (
            {"main": 'import { b, c } from "./a.js";\n', "a": "export class b {}\nexport async function d() {}\n"},
            "main.js imports c from a.js, which exports b, d",
        ),
        (
            {
                "main": 'import { a } from "./a.js";\n',
                "a": 'import { b } from "./b.js";\nexport const a = 1;\n',
                "b": 'import { a } from "./a.js";\nexport const b = 1;\n',
            },
            "in a circle: a.js -> b.js -> a.js; move what they share into a third",
        ),
        ({"main": 'import a from "./a.js";\n', "a": ""}, "main.js imports a from a.js; put the name in { }"),
        ({"main": 'import * as a from "./a.js";\n'}, "main.js has 'import * as a from \"./a.js\";'; write import"),
        ({"main": "export let a = 1;\n"}, "main.js has 'export let a = 1;'"),
    ],
)
def test_what_cannot_be_joined_says_why(tmp_path: Path, scripts: dict[str, str], message: str) -> None:
    entry = write(tmp_path, **scripts)
    with pytest.raises(ScriptError) as caught:
        join_scripts(entry)
    assert message in str(caught.value).replace(f"{tmp_path}/", "")


def test_each_script_and_style_is_part_of_something() -> None:
    used = {path for entry in ENTRIES for path in scripts_of(entry)}
    assert used == set(UI.rglob("*.js"))
    styles = {html.STYLE, *(style for one in COMPONENTS for style in one.styles)}
    assert styles == {str(path.relative_to(UI)) for path in UI.rglob("*.css")}


def test_the_joined_components_are_modules_without_imports() -> None:
    for script in map(join_scripts, ENTRIES):
        assert not re.search(r"^import\b", script, re.MULTILINE)
        subprocess.run([NODE, "--check", "--input-type=module"], input=script, check=True, text=True)
