"""Tables as people's programs write them, with what they say, for hypothesis: layouts, cells, files and damages."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import soundfile
from hypothesis import strategies as st

from labeling.collection.formats import Problem

PLAIN = ("amecro", "balori", "cangoo", "houspa", "redava", "0123", "1139490", "Größe", "Bass guitar", "Bark")
ODD = (
    "Hammond's Flycatcher",
    "a,b",
    "x;y",
    "c|d",
    "=cmd()",
    "🐦",
    'say "hi"',
    "[odd]",
    "{b}",
    "a\\b",
    "it''s",
    "(juvenile)",
)
NONE = ("", "nan", "None", "NA", "null")
FILES = 6

Render = Callable[[Sequence[str]], str]

#: style -> (how a list is printed, whether any code can be in it)
LISTS: dict[str, tuple[Render, bool]] = {
    "python": (lambda codes: repr(list(codes)), True),
    "json": (lambda codes: json.dumps(list(codes)), True),
    "json as it is": (lambda codes: json.dumps(list(codes), ensure_ascii=False), True),
    "numpy": (lambda codes: str(np.array(codes, object)), True),
    "numpy narrow": (lambda codes: np.array2string(np.array(codes, object), max_line_width=12), True),
    "numpy repr": (lambda codes: repr(np.array(codes, object)), True),
    "numpy repr of text": (lambda codes: repr(np.array(codes, np.str_)), True),
    "numpy scalars": (lambda codes: repr([np.str_(code) for code in codes]), True),
    "tuple": (lambda codes: repr(tuple(codes)), True),
    "set": (lambda codes: repr(set(codes)), True),
    "true and false": (lambda codes: json.dumps(dict.fromkeys(codes, True) | {"Never": False}), True),
    "choices": (lambda codes: json.dumps({"choices": list(codes)}), True),
    "bare": (lambda codes: f"[{', '.join(codes)}]", False),
    "postgres": (lambda codes: "{" + ",".join(codes) + "}", False),
    "with nan": (lambda codes: f"[{', '.join([*map(repr, codes), 'nan'])}]", True),
}
#: what nobody can read for certain: it must be told of
UNREADABLE: dict[str, Render] = {
    "probabilities": lambda codes: json.dumps(dict.fromkeys(codes, 0.9)),
    "nested": lambda codes: repr([list(codes)]),
    "dots": lambda codes: f"[{codes[0]!r} ... {codes[-1]!r}]",
    "unclosed": lambda codes: repr(list(codes))[:-1],
    "records": lambda codes: json.dumps([{"label": code} for code in codes]),
}


@dataclass(frozen=True)
class Said:
    """A row of a table: its number as a spreadsheet counts, the file that it names, and the labels that it gives it."""

    number: int
    filename: str
    codes: tuple[str, ...]

    @property
    def file(self) -> str:
        """Which file that is, however its name is written."""
        return file_of(self.filename)


@dataclass(frozen=True)
class OddTable:
    """A table's bytes and name, the format it is for, and what its rows say. ``story`` tells how it was made."""

    data: bytes
    name: str
    format: str
    rows: tuple[Said, ...]
    story: str = field(compare=False)

    def write(self, folder: Path) -> Path:
        """Lay it into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / self.name).write_bytes(self.data)
        return folder / self.name


def file_of(filename: str) -> str:
    """A file's name without what may be written in several ways."""
    return filename.replace("\\", "/").removeprefix("./").removeprefix("/")


def make_audio(folder: Path) -> Path:
    """The files that the tables name: short, and each another sound."""
    folder.mkdir(parents=True)
    for number in range(FILES):
        noise = np.random.default_rng(number).uniform(-0.1, 0.1, 1600)
        soundfile.write(folder / f"{number}.wav", noise, 8000)
    return folder


@st.composite
def odd_tables(draw: st.DrawFn) -> OddTable:
    """Any of them."""
    layout = draw(st.sampled_from(["label", "labels", "both", "birdclef", "esc50"]))
    kind = draw(st.sampled_from(["csv", "csv", "csv", "parquet"]))
    style = draw(st.sampled_from([*LISTS, "; ", ";", "|", ",", "one"]))
    vocabulary = draw(st.lists(st.sampled_from(PLAIN + ODD), min_size=2, max_size=5, unique=True))
    plain = [code for code in vocabulary if code in PLAIN and " " not in code] or ["amecro"]
    count = draw(st.integers(1, FILES))
    lines: list[list[str]] = []
    said: list[tuple[str, tuple[str, ...]]] = []
    for at in range(count):
        number = at if draw(st.integers(0, 9)) else draw(st.integers(0, FILES - 1))  # now and then a file again
        name = (
            f"{number}.wav"
            if draw(st.integers(0, 14))
            else draw(st.sampled_from(["", "../up.wav", "\\0.wav", "x.wav"]))
        )
        any_code = style in LISTS and LISTS[style][1]
        codes = draw(st.lists(st.sampled_from(vocabulary if any_code else plain), max_size=4, unique=True))
        primary = draw(st.sampled_from([*vocabulary, *NONE[:2]]))
        if primary.startswith(("{", "[", "(")):
            primary = plain[0]
        if style == "one":
            codes = codes[:1]
        cell = _cell(draw, style, codes)
        lines.append([name, primary, cell])
        given = [] if primary in NONE or layout == "labels" else [primary]
        said.append((name, tuple(dict.fromkeys([*given, *([] if layout in ("label", "esc50") else codes)]))))
    columns, rows = _laid_out(layout, lines)
    if kind == "parquet":
        return _parquet(draw, layout, style, columns, rows, said)
    return _csv(draw, layout, style, columns, rows, said)


def _cell(draw: st.DrawFn, style: str, codes: list[str]) -> str:
    if not codes:
        empty = {"python": "[]", "json": "[]", "set": "set()", "tuple": "()", "postgres": "{}"}.get(style, "")
        return draw(st.sampled_from([empty, *NONE, "[]"])) if style in LISTS else draw(st.sampled_from(NONE))
    if style in LISTS and not draw(st.integers(0, 11)):
        return UNREADABLE[draw(st.sampled_from(list(UNREADABLE)))](codes)
    if style in LISTS:
        return LISTS[style][0](codes)
    return codes[0] if style == "one" else style.join(codes)


def _laid_out(layout: str, lines: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    if layout == "label":
        return ["filename", "label", "note"], [[name, primary, "-"] for name, primary, _ in lines]
    if layout == "labels":
        return ["fname", "labels", "note"], [[name, cell, "1,5"] for name, _, cell in lines]
    if layout == "both":
        return ["site", "filename", "label", "labels"], [["S1", *line] for line in lines]
    if layout == "birdclef":
        columns = ["primary_label", "secondary_labels", "author", "filename"]
        return columns, [[primary, cell, "Ann, Lee", name and f"./{name}"] for name, primary, cell in lines]
    columns = ["filename", "fold", "target", "category", "esc10", "src_file", "take"]
    return columns, [[name, "1", "0", primary, "True", "9", "A"] for name, primary, _ in lines]


def _csv(
    draw: st.DrawFn, layout: str, style: str, columns: list[str], rows: list[list[str]],
    said: list[tuple[str, tuple[str, ...]]],
) -> OddTable:  # fmt: skip
    delimiter = draw(st.sampled_from(",;\t|"))
    ending = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    # Python's csv leaves a line feed without quotes where lines end otherwise, and nothing reads that
    quoting: Literal[0, 1] = csv.QUOTE_ALL if ending == "\r" or draw(st.booleans()) else csv.QUOTE_MINIMAL
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerow(columns)
    out: list[Said] = []
    number = 1
    for cells, (name, codes) in zip(rows, said, strict=True):
        if not draw(st.integers(0, 11)):
            buffer.write(ending)
            number += 1
        number += 1
        if not draw(st.integers(0, 14)):
            cells = [*cells, "an unquoted part"]
        writer.writerow(cells)
        out.append(Said(number, name if layout != "birdclef" or not name else f"./{name}", codes))
    text = buffer.getvalue()
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    if encoding == "cp1252" and "🐦" in text:
        encoding = "utf-8"
    story = f"{layout}, {style}, {delimiter!r}, {encoding}\n{text}"
    return OddTable(text.encode(encoding), "t.csv", _format(layout), tuple(out), story)


def _parquet(
    draw: st.DrawFn, layout: str, style: str, columns: list[str], rows: list[list[str]],
    said: list[tuple[str, tuple[str, ...]]],
) -> OddTable:  # fmt: skip
    arrays = {name: pa.array([cells[at] for cells in rows]) for at, name in enumerate(columns)}
    listed = "secondary_labels" if layout == "birdclef" else "labels"
    if listed in arrays and draw(st.booleans()):
        codes = [
            [code for code in its if code != _primary(columns, cells, layout)]
            for cells, (_, its) in zip(rows, said, strict=True)
        ]
        arrays[listed] = pa.array(
            codes, draw(st.sampled_from([pa.list_(pa.string()), pa.large_list(pa.large_string())]))
        )
    if draw(st.booleans()):
        arrays = {name: a.dictionary_encode() if a.type == pa.string() else a for name, a in arrays.items()}
    buffer = io.BytesIO()
    parquet.write_table(pa.table(arrays), buffer)
    prefix = "./" if layout == "birdclef" else ""
    out = [Said(k, name and prefix + name, codes) for k, (name, codes) in enumerate(said, start=2)]
    story = f"{layout}, {style}, parquet\n{arrays}"
    return OddTable(buffer.getvalue(), "t.parquet", _format(layout), tuple(out), story)


def _primary(columns: list[str], cells: list[str], layout: str) -> str:
    name = {"both": "label", "birdclef": "primary_label"}.get(layout)
    return cells[columns.index(name)] if name else ""


def _format(layout: str) -> str:
    return layout if layout in ("birdclef", "esc50") else "table"


def told(problems: Sequence[Problem], row: Said, code: str) -> bool:
    """Whether a report says what became of a label of a row: by its row or file, or by its class."""
    notes = (
        "the class ",
        "classes have one clip",
        "class has one clip",
    )  # of a class, not of the row they are first in
    return any(
        code in problem.reason or repr(code) in problem.reason
        if any(note in problem.reason for note in notes)
        else problem.row == row.number or file_of(problem.filename) == row.file or repr(code) in problem.reason
        for problem in problems
    )
