"""BirdNET-Analyzer's result tables: each kind, as a folder and combined, with the columns that its source writes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeling.errors import DataError, FormatError
from labeling.external.importing import ImportRequest, Report, import_predictions
from labeling.predictions.oof import Oof, read_oof
from labeling.runs.out_of_fold import ELSEWHERE
from labeling.workspace import Workspace
from tests.support.workspaces.making import CLIPS, add_clips

NAMES = [name for name, _ in CLIPS]
SCIENTIFIC = {"amecro": "Corvus brachyrhynchos", "balori": "Icterus galbula", "cangoo": "Branta canadensis"}
COMMON = {"amecro": "American Crow", "balori": "Baltimore Oriole", "cangoo": "Canada Goose"}
RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tCommon Name\tSpecies Code\t"
    "Confidence\tBegin Path\tFile Offset (s)\n"
)
KALEIDOSCOPE = (
    "INDIR,FOLDER,IN FILE,OFFSET,DURATION,scientific_name,common_name,confidence,lat,lon,week,overlap,sensitivity\n"
)
R = (
    "filepath,start,end,scientific_name,common_name,confidence,lat,lon,week,overlap,sensitivity,min_conf,species_list,"
    "model\n"
)
# clip, class, onset_s, confidence; 3 s windows of 20 s clips; XC4 has nothing
HEARD = [
    (0, "amecro", 0, 0.9),
    (0, "amecro", 3, 0.4),
    (0, "balori", 6, 0.2),
    (1, "amecro", 18, 0.5),
    (2, "cangoo", 3, 0.7),
]


def text(kind: str, clip: int, later_s: float = 0.0) -> str:
    """The lines of one recording, without a header; Begin Time in a combined Raven table begins ``later_s`` later."""
    path = f"/recordings/2026/{NAMES[clip]}"
    lines = []
    for number, (where, code, onset, p) in enumerate(HEARD, start=1):
        end = min(onset + 3, 20)
        if where != clip:
            continue
        if kind == "table":
            lines.append(
                f"{number}\tSpectrogram 1\t1\t{onset + later_s}\t{end + later_s}\t0\t15000\t{COMMON[code]}\t{code}\t"
                f"{p:.4f}\t{path}\t{onset}"
            )
        elif kind == "csv":
            lines.append(f"{onset},{end},{SCIENTIFIC[code]},{COMMON[code]},{p:.4f},{path}")
        elif kind == "kaleidoscope":
            folder, name = NAMES[clip].split("/")
            lines.append(
                f"/recordings/2026,{folder},{name},{onset},{end - onset},{SCIENTIFIC[code]},{COMMON[code]},{p:.4f},"
                "-1,-1,-1,0,1"
            )
        elif kind == "r":
            lines.append(f"{path},{onset},{end},{SCIENTIFIC[code]},{COMMON[code]},{p:.4f},-1,-1,-1,0,1,0.1,,m")
        else:
            lines.append(f"{onset}\t{end}\t{SCIENTIFIC[code]}, {COMMON[code]}\t{p:.4f}")
    if kind == "table" and not lines:
        lines.append(f"1\tSpectrogram 1\t1\t0\t3\t0\t15000\tnocall\tnocall\t1.0\t{path}\t0")
    return "".join(f"{line}\n" for line in lines)


HEADERS = {
    "table": RAVEN, "csv": "Start (s),End (s),Scientific name,Common name,Confidence,File\n",
    "kaleidoscope": KALEIDOSCOPE, "r": R, "audacity": "",
}  # fmt: skip
ENDINGS = {
    "table": "BirdNET.selection.table.txt", "csv": "BirdNET.results.csv", "audacity": "BirdNET.results.txt",
    "kaleidoscope": "BirdNET.results.kaleidoscope.csv", "r": "BirdNET.results.r.csv",
}  # fmt: skip


def folder_of(tmp_path: Path, kind: str) -> Path:
    """As the analyzer lays them: one file a recording, under the recording's folder."""
    out = tmp_path / "results"
    for clip, name in enumerate(NAMES):
        file = out / f"{name.removesuffix('.ogg')}.{ENDINGS[kind]}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEADERS[kind] + text(kind, clip), encoding="utf-8")
    (out / "BirdNET_analysis_params.csv").write_text("File splitting duration,Segment length\n600,3.0\n")
    return out


def stored(workspace: Workspace, report: Report) -> Oof:
    return read_oof(workspace.run_dir(report.run_id) / "oof.zarr")


def expected() -> np.ndarray:
    """The highest of each cell; what is not listed counts as half of 0.2, the lowest."""
    values = np.full((4, 3), 0.1, np.float32)
    for clip, code, _, p in HEARD:
        column = list(SCIENTIFIC).index(code)
        values[clip, column] = max(values[clip, column], p)
    return values


@pytest.mark.parametrize("kind", list(HEADERS))
def test_a_folder_of_results(collection: Workspace, tmp_path: Path, kind: str) -> None:
    report = import_predictions(collection, ImportRequest(folder_of(tmp_path, kind), claim=ELSEWHERE))
    oof = stored(collection, report)
    assert (report.reader, oof.classes, oof.filenames) == ("birdnet", tuple(SCIENTIFIC), tuple(NAMES))
    np.testing.assert_allclose(oof.clipwise, expected(), atol=1e-6)
    assert (oof.grid.start_s, oof.grid.step_s, oof.grid.native_step_s) == (0.0, 3.0, 3.0)
    crow = [oof.frames(row)[:, 0] for row in (0, 1)]  # 20 s: seven frames of 3 s, as float16
    np.testing.assert_allclose(crow, [[0.9, 0.4] + 5 * [0.1], 6 * [0.1] + [0.5]], atol=1e-3)
    said = "\n".join(report.lines())
    assert "lists 4 of 12 cells. The others are only known to be below 0.2" in said
    assert "count as 0.1, half of that" in said
    assert "Warning" not in said
    assert "1 files of the folder are no result tables" in said
    by_part = re.search(r"(\d+) clips found by a part of their name", said)
    assert by_part is None or int(by_part[1]) <= len(NAMES)  # a result file's name and its Begin Path are one clip


@pytest.mark.parametrize("kind", ["table", "csv", "kaleidoscope", "r"])
def test_one_combined_file(collection: Workspace, tmp_path: Path, kind: str) -> None:
    # a combined selection table leaves out the recordings without a detection, and its Begin Time runs on
    rows = [text(kind, clip, 20.0 * clip) for clip in range(4)]
    file = tmp_path / ("BirdNET_SelectionTable.txt" if kind == "table" else "BirdNET_CombinedTable.csv")
    file.write_text(HEADERS[kind] + "".join(one for one in rows if "nocall" not in one), encoding="utf-8")
    report = import_predictions(collection, ImportRequest(file))
    oof = stored(collection, report)
    assert oof.filenames == tuple(NAMES[:3])
    np.testing.assert_allclose(oof.clipwise, expected()[:3], atol=1e-6)
    assert oof.frames(1)[6, 0] == pytest.approx(0.5, abs=1e-3)
    assert "names no clip without a detection" in "\n".join(report.lines())


def detections(folder: Path, parquet: bool) -> Path:
    """All detections in one table, as CSV of the analyzer or as Parquet; XC4 has none, and nobody found a goose."""
    found = [(clip, code, onset, p) for clip, code, onset, p in HEARD if code != "cangoo"]
    if parquet:
        rows = [(NAMES[clip], COMMON[code], onset, onset + 3, p) for clip, code, onset, p in found]
        path = folder / "results.parquet"
        columns = ["filename", "common_name", "start_time", "end_time", "confidence"]
        pd.DataFrame(rows, columns=columns).to_parquet(path)
        return path
    path = folder / "BirdNET_CombinedTable.csv"
    goose = SCIENTIFIC["cangoo"]
    lines = [line for clip in range(4) for line in text("csv", clip).splitlines(True) if goose not in line]
    path.write_text(HEADERS["csv"] + "".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(("kind", "parquet"), [("text", False), ("table", True), ("folder", False)])
def test_nothing_found_in_what_was_analysed_is_evidence_of_absence(
    collection: Workspace, tmp_path: Path, kind: str, parquet: bool
) -> None:
    analysed, wanted = tmp_path / {"text": "list.txt", "table": "list.csv", "folder": "audio"}[kind], NAMES[1:]
    if kind == "folder":
        for name in [*wanted, "notes.txt"]:
            (analysed / name).parent.mkdir(parents=True, exist_ok=True)
            (analysed / name).touch()
    else:
        heading = "size,filename\n" if kind == "table" else ""
        lines = "".join(f"{'7,' if kind == 'table' else ''}{name}\n" for name in [*wanted, "elsewhere.wav"])
        analysed.write_text(heading + lines, encoding="utf-8")
    mapping = tmp_path / "classes.csv"
    mapping.write_text("theirs,code\nCanada Goose,cangoo\n", encoding="utf-8")
    file = detections(tmp_path, parquet)
    asked = ImportRequest(file, classes=mapping, analysed=analysed)
    oof = stored(collection, import_predictions(collection, asked))
    assert (oof.filenames, oof.classes) == (tuple(NAMES), ("amecro", "balori", "cangoo"))
    lowest = 0.2
    np.testing.assert_allclose(oof.clipwise[[2, 3]], lowest / 2, atol=1e-6)
    np.testing.assert_allclose(oof.clipwise[:, 2], lowest / 2, atol=1e-6)
    plain = stored(collection, import_predictions(collection, ImportRequest(file, classes=mapping)))
    assert (plain.filenames, plain.classes) == (tuple(NAMES[:2]), ("amecro", "balori"))


def test_a_list_of_what_was_analysed_that_cannot_be_used(collection: Workspace, tmp_path: Path) -> None:
    results, empty, other = detections(tmp_path, False), tmp_path / "empty.txt", tmp_path / "other.parquet"
    empty.write_text("\n \n", encoding="utf-8")
    pd.DataFrame({"x": [1]}).to_parquet(other)
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_text("elsewhere.wav\n", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    for path, said in (
        (tmp_path / "none.txt", "nothing there; give a list of the analysed recordings, or their folder"),
        (empty, "it names no recording; write one a line"),
        (other, "has no column of file names; call it filename"),
        (tmp_path / "folder", "the folder holds no recordings"),
        (elsewhere, "names none of the workspace's clips"),
    ):
        with pytest.raises(FormatError, match=said):
            import_predictions(collection, ImportRequest(results, analysed=path))
    values = tmp_path / "wide.csv"
    values.write_text(f"filename,amecro\n{NAMES[0]},0.5\n", encoding="utf-8")
    with pytest.raises(DataError, match="wide has a value of every clip that it names; leave it out"):
        import_predictions(collection, ImportRequest(values, analysed=elsewhere))


def test_a_species_is_found_by_its_scientific_name_alone(workspace: Workspace, tmp_path: Path) -> None:
    about = {name: {"scientific_name": SCIENTIFIC[labels[0]]} for name, labels in CLIPS}
    add_clips(workspace, names={code: code for code in SCIENTIFIC}, metadata=about)
    (tmp_path / "r").mkdir()
    file = tmp_path / "r" / f"XC1.{ENDINGS['csv']}"
    file.write_text(HEADERS["csv"] + text("csv", 0).replace("American Crow", "Aaskrähe"), encoding="utf-8")
    report = import_predictions(workspace, ImportRequest(tmp_path / "r"))
    assert report.classes == {"Corvus brachyrhynchos": "amecro", "Icterus galbula": "balori"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0,3,Corvus brachyrhynchos,American Crow", "4 cells where the header has 6"),
        ("0,3,Corvus brachyrhynchos,Crow, American,0.5,x.ogg", "7 cells where the header has 6"),
        ("zero,3,Corvus brachyrhynchos,American Crow,0.5,amecro/XC1.ogg", "line 2: could not convert"),
        ("3,0,Corvus brachyrhynchos,American Crow,0.5,amecro/XC1.ogg", r"no stretch of time \(such as 3 to 0"),
        ("90,93,Corvus brachyrhynchos,American Crow,0.5,amecro/XC1.ogg", "begin after the end of their clip"),
        ("0,3,Corvus brachyrhynchos,American Crow,5.5,amecro/XC1.ogg", "no probabilities from 0 to 1"),
        ("0,3,Corvus brachyrhynchos,American Crow,0.5,dodo.ogg", "none of the workspace's clips: 'dodo.ogg'"),
        ("0,3,Raphus cucullatus,Dodo,0.5,amecro/XC1.ogg", "none of the workspace's classes: 'Raphus cucullatus'"),
    ],
)
def test_lines_that_cannot_be_used(collection: Workspace, tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "BirdNET_CombinedTable.csv"
    file.write_text(HEADERS["csv"] + line + "\n", encoding="utf-8")
    with pytest.raises(FormatError, match=said):
        import_predictions(collection, ImportRequest(file))


def test_a_combined_selection_table_without_file_offset_is_refused(collection: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "BirdNET_SelectionTable.txt"
    lines = (RAVEN + text("table", 0)).splitlines()
    file.write_text("".join("\t".join(line.split("\t")[:-1]) + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(FormatError, match="lacks File Offset"):
        import_predictions(collection, ImportRequest(file))
