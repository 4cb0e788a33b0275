"""labeling/suspects/sheet.py: verdicts from a spreadsheet, and which of them count."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from labeling import journal
from labeling.__main__ import main
from labeling.errors import DataError, FormatError
from labeling.quality import verdicts
from labeling.quality.decided_cells import decided_cells
from labeling.quality.scored_run import read_scored_run
from labeling.records import Decision, Region
from labeling.storage import tables
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.suspects.sheet import QUEUE, _heard_until, read_filled
from labeling.workspace import Workspace, open_workspace
from tests.support.workspaces.making import add_clips
from tests.support.workspaces.ranked import finished_run, make_queue, store_ranking


def apply(workspace: Workspace, path: Path, asked: str = "") -> tuple[list[Decision], str]:
    with workspace.read() as connection:
        filled = read_filled(connection, path, "ann", asked)
    return journal.append(workspace, filled.decisions), "\n".join(filled.notes)


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


# ------------------------------------------------------------------------------------------------ spreadsheets


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", "\t", ",", "|"])
def test_any_spreadsheets_table_is_read(collection: Workspace, tmp_path: Path, encoding: str, delimiter: str) -> None:
    comma = delimiter != ","  # a decimal comma, where commas do not part the cells
    region = "0,25 1,5 1000,5 3000" if comma else "0.25 1.5 1000.5 3000"
    rows = [
        ("Filename", " class", "VERDICT", "onset_s", "offset_s", "low_hz", "high_hz", "note"),
        ("amecro/XC1.ogg", "amecro", "Present", *region.split(), "ü"),
        ("amecro/XC2.ogg", "amecro", " ABSENT ", "", "", "", "", ""),
        ("", "", "", "", "", "", "", ""),
        ("cangoo/XC4.ogg", "cangoo", "", "", "", "", "", ""),
    ]  # fmt: skip
    path = written(tmp_path / "d.csv", "\r\n".join(delimiter.join(row) for row in rows), encoding)
    stored, notes = apply(collection, path)
    assert [(one.clip_id, one.class_code, one.verdict, one.region, one.note) for one in stored] == [
        (1, "amecro", "present", Region(0.25, 1.5, 1000.5, 3000.0), "ü"),
        (2, "amecro", "absent", None, ""),
    ]
    assert "1 row without a verdict passed over" in notes
    assert "0 of 2 verdicts count for the likelihoods: nobody knows why these cells were picked" in notes


def test_a_name_that_another_collection_has_too_is_told_of(collection: Workspace, tmp_path: Path) -> None:
    with collection.write() as connection:
        second = {"filename": "north/amecro/XC1.ogg", "relative": "amecro/XC1.ogg"}
        connection.execute(sa.update(tables.clips).where(tables.clips.c.id == 4).values(second))
    head = "filename,class,verdict\n"
    (decision,), notes = apply(collection, written(tmp_path / "a.csv", head + "amecro/XC1.ogg,amecro,absent\n"))
    assert decision.clip_id == 1
    assert "1 of the names are also those of files of another collection" in notes
    assert "give its name in the queue: north/amecro/XC1.ogg for amecro/XC1.ogg" in notes
    (decision,), notes = apply(collection, written(tmp_path / "b.csv", head + "north/amecro/XC1.ogg,amecro,absent\n"))
    assert decision.clip_id == 4
    assert "another collection" not in notes


def test_clips_are_found_by_a_part_of_their_name(collection: Workspace, tmp_path: Path) -> None:
    rows = ("/other/machine/amecro/XC1.ogg,amecro,absent", "xc2.wav,amecro,absent", "XC2,cangoo,present")
    stored, notes = apply(collection, written(tmp_path / "a.csv", "\n".join(("filename,class,verdict", *rows))))
    assert [one.clip_id for one in stored] == [1, 2, 2]
    assert notes.splitlines()[0] == (
        "2 clips were found by a part of their name: /other/machine/amecro/XC1.ogg as amecro/XC1.ogg, "
        "xc2.wav as amecro/XC2.ogg"
    )


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        (["XC1.ogg"], r"'XC1\.ogg' may be one of several clips: amecro/XC1\.ogg, north/XC1\.ogg; write its folder"),
        (["south/XC4.ogg"], r"no clip 'south/XC4\.ogg' in this workspace"),  # of one name in another folder
        (["a/top.ogg", "b/top.ogg"], r"'a/top\.ogg' and 'b/top\.ogg' both look like the clip 'top\.ogg'"),
    ],
)
def test_a_name_that_may_mean_several_files_is_refused(
    collection: Workspace, tmp_path: Path, names: list[str], wrong: str
) -> None:
    with collection.write() as connection:
        for clip_id, name in ((2, "north/XC1.ogg"), (3, "top.ogg")):
            connection.execute(sa.update(tables.clips).where(tables.clips.c.id == clip_id).values(filename=name))
    rows = [f"{name},amecro,absent" for name in names]
    path = written(tmp_path / "a.csv", "\n".join(("filename,class,verdict", *rows)))
    with pytest.raises(DataError, match=wrong), collection.read() as connection:
        read_filled(connection, path, "ann")


def test_what_is_wrong_with_many_rows_is_said_once(collection: Workspace, tmp_path: Path) -> None:
    rows = [f"amecro/XC1.ogg,{code},absent" for code in [*["amecroo"] * 40, *(f"x{n}" for n in range(30))]]
    path = written(tmp_path / "a.csv", "\n".join(("filename,class,verdict", *rows)))
    with pytest.raises(DataError) as caught, collection.read() as connection:
        read_filled(connection, path, "ann")
    head, first, *others = str(caught.value).splitlines()
    assert head.startswith("70 of 70 rows of")
    assert first.startswith("  rows 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … (40 in all): unknown class 'amecroo'")
    assert "Did you mean 'amecro'?" in first
    assert (len(others), others[-1]) == (20, "  … and 11 more")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "a.csv is empty; it needs a line with the columns filename, class, verdict"),
        (b"filename,class,verdict\n\n", "a.csv has a line of column names and no row below it"),
        (b"PK\x03\x04\x14\0\xff", r"a.csv is a spreadsheet's workbook \(.xlsx, .ods\) .*save it as CSV"),
        (b"PAR1\0\xff", "a.csv is a Parquet file, no text table; save it as CSV"),
    ],
)
def test_a_file_that_holds_no_row_says_what_it_is(collection: Workspace, tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(FormatError, match=why), collection.read() as connection:
        read_filled(connection, tmp_path / "a.csv", "ann")


def test_excels_own_first_line_and_windows_text(collection: Workspace, tmp_path: Path) -> None:
    text = "sep=;\r\nfilename;class;verdict;note\r\namecro/XC1.ogg;amecro;absent;größer\r\n"
    (one,), notes = apply(collection, written(tmp_path / "d.csv", text, "cp1252"))
    assert (one.verdict, one.note) == ("absent", "größer")
    assert "read as cp1252" in notes


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("amecro/XC1.ogg,amecro,present,0,25,1,5", "row 2: there is text beyond the last column"),
        ('amecro/XC1.ogg,amecro,present,"0,25","1,5"', "row 2: onset_s '0,25' is not a number"),
        ("amecro/XC1.ogg,amecro,present,1.234.567,2", "onset_s '1.234.567' is not a number"),
        ("amecro/XC1.ogg,amecro,yes,,", "unknown verdict 'yes'; choose from present, absent, unsure"),
        ("amecro/XC1.ogg,amecrow,absent,,", "Did you mean 'amecro'"),
        ("x.ogg,amecro,absent,,", "no clip 'x.ogg' in this workspace"),
        ("amecro/XC1.ogg,amecro,present,1,", "a region needs both onset_s and offset_s"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_and_nothing_is_stored(
    collection: Workspace, tmp_path: Path, line: str, word: str
) -> None:
    path = written(tmp_path / "d.csv", f"filename,class,verdict,onset_s,offset_s\n{line}\n")
    with pytest.raises(DataError) as caught:
        apply(collection, path)
    assert word in str(caught.value)


# ------------------------------------------------------------------------------------------------ what counts


@pytest.fixture
def queued(workspace: Workspace) -> Workspace:
    return make_queue(workspace)


def listed(workspace: Workspace, path: Path, *flags: str) -> list[dict[str, str]]:
    """The queue's list, as the command writes it."""
    with redirect_stdout(io.StringIO()):
        assert main(["suspects", "--workspace", str(workspace.root), "--csv", str(path), *flags]) == 0
    return list(csv.DictReader(io.StringIO(path.read_text())))


def fill(path: Path, rows: Iterable[dict[str, str]], verdict_of: dict[int, str], delimiter: str = ";") -> Path:
    """The list again, with verdicts by place, as a German spreadsheet saves it."""
    rows = [row | {"verdict": verdict_of.get(int(row.get("place", row["rank"])), "")} for row in rows]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    numbers = ("p_wrong", "likely_wrong", "clipwise", "framewise_max", "onset_s", "offset_s", "label_quality")
    writer.writerows({k: v.replace(".", ",") if k in numbers else v for k, v in row.items()} for row in rows)
    path.write_text(buffer.getvalue(), encoding="utf-8-sig")
    return path


def counted(workspace: Workspace) -> int:
    with workspace.read() as connection:
        return len(verdicts.counted(connection))


def test_the_queues_own_list_counts_and_keeps_what_it_showed(queued: Workspace, tmp_path: Path) -> None:
    rows = listed(queued, tmp_path / "q.csv")
    assert [(row["place"], row["scorer"], row["verdict"]) for row in rows[:2]] == [
        ("1", "earmark", ""),
        ("2", "earmark", ""),
    ]
    path = fill(tmp_path / "d.csv", rows, {1: "present", 2: "absent", 3: "unsure"})
    stored, notes = apply(queued, path)
    assert [one.region for one in stored] == [None] * 3  # the times of the list are the model's
    first = stored[0].shown
    assert (first.kind, first.rank, first.scorer, first.p_wrong) == ("missing", 1, "earmark", 0.95)
    assert first.likely_wrong == round(float(rows[0]["likely_wrong"]), 4)
    assert (first.asked, first.one_by_one, first.audit, stored[0].run_id) == (True, True, False, "001-demo")
    assert counted(queued) == 2
    assert "2 of 3 verdicts count for the likelihoods: the queue's own list asked of them, down to its row 3" in notes
    assert "1 are unsure" in notes
    assert "4 rows without a verdict passed over" in notes
    with queued.read() as connection:
        assert not decided_cells(connection).drawn.any()
    assert len({one.batch_id for one in stored}) == 1  # undone whole
    assert apply(queued, path)[0] == stored


def test_a_list_that_was_drawn_at_random_is_no_random_look(queued: Workspace, tmp_path: Path) -> None:
    rows = listed(queued, tmp_path / "q.csv", "--order", "audit")
    apply(queued, fill(tmp_path / "d.csv", rows, {1: "present", 2: "absent"}))
    with queued.read() as connection:
        assert not decided_cells(connection).drawn.any()
    assert counted(queued) == 2


def test_verdicts_that_may_be_picked_by_the_answer_do_not_count(queued: Workspace, tmp_path: Path) -> None:
    rows = listed(queued, tmp_path / "q.csv")
    stored, notes = apply(queued, fill(tmp_path / "d.csv", rows, {1: "present", 4: "present", 7: "absent"}))
    assert [one.shown.was_asked for one in stored] == [True, False, False]
    assert counted(queued) == 1
    assert "2 come where more than one in ten rows of the list were passed over" in notes


def test_rows_taken_out_of_the_list_are_seen_by_their_places(queued: Workspace, tmp_path: Path) -> None:
    rows = [row for row in listed(queued, tmp_path / "q.csv") if row["place"] in ("4", "7")]
    apply(queued, fill(tmp_path / "d.csv", rows, {4: "present", 7: "absent"}))
    assert counted(queued) == 0


@pytest.mark.parametrize(
    ("places", "until"),
    [([], 0), ([1, 2, 3], 3), ([2, 3], 0), ([*range(1, 10), 11], 11), ([*range(1, 10), 12], 9), ([10], 0),
     ([*range(2, 12)], 11), ([5, 5, 5], 0)],
)  # fmt: skip
def test_how_far_down_a_list_was_heard(places: list[int], until: int) -> None:
    assert _heard_until(places) == until


def test_the_flag_decides_where_the_columns_do_not(queued: Workspace, tmp_path: Path) -> None:
    text = "filename,class,verdict\nc/Three.ogg,amecro,present\na/one.ogg,cangoo,absent\nd/four.ogg,daejun,absent\n"
    path = written(tmp_path / "d.csv", text)
    stored, notes = apply(queued, path, QUEUE)
    assert [one.shown.kind for one in stored] == ["missing", "swapped", ""]
    assert "2 of 3 verdicts count" in notes
    assert "1 are no suspects of that run" in notes
    assert "rows that were taken out of the file are not seen, as it has no column place" in notes
    rows = listed(queued, tmp_path / "q.csv")
    assert not apply(queued, fill(tmp_path / "no.csv", rows, {1: "present"}), "nothing")[0][0].shown.was_asked
    with pytest.raises(DataError, match="unknown --asked 'x'"):
        apply(queued, path, "x")


def test_a_list_of_a_run_that_is_not_here_does_not_count(queued: Workspace, tmp_path: Path) -> None:
    rows = [row | {"run": "009-gone"} for row in listed(queued, tmp_path / "q.csv")]
    stored, notes = apply(queued, fill(tmp_path / "d.csv", rows, {1: "present"}))
    assert not stored[0].shown.was_asked
    assert "1 are no suspects of that run" in notes


def test_a_list_without_some_of_its_columns_is_it_still(queued: Workspace, tmp_path: Path) -> None:
    gone = {"run", "scorer", "likely_wrong", "place"}
    rows = [
        {name: cell for name, cell in row.items() if name not in gone} for row in listed(queued, tmp_path / "q.csv")
    ]
    assert {"onset_s", "rank", "kind"} <= set(rows[0])
    stored, notes = apply(queued, fill(tmp_path / "d.csv", rows, {1: "present"}))
    assert stored[0].region is None  # its times are the model's, not what the reviewer drew
    assert "0 of 1 verdicts count" in notes


def test_a_likelihood_that_a_spreadsheet_broke_is_not_kept(queued: Workspace, tmp_path: Path) -> None:
    rows = listed(queued, tmp_path / "q.csv")
    told = float(rows[0]["likely_wrong"])
    for text in ("123709", "nan", "-0.5", "Apr 05"):
        path = fill(tmp_path / "d.csv", [row | {"likely_wrong": text} for row in rows], {1: "present"})
        with queued.read() as connection:
            decision = read_filled(connection, path, "ann").decisions[0]
        assert decision.shown.likely_wrong == pytest.approx(told, abs=1e-4)


def test_300_verdicts_from_a_list_calibrate_as_300_from_the_app(tmp_path: Path) -> None:
    classes = {code: code for code in ("amecro", "balori", "cangoo", "daejun")}
    clips = tuple((f"{n}.ogg", ("amecro",)) for n in range(100))
    random = np.random.default_rng(7)
    cells = [(n + 1, code) for n in range(100) for code in classes]
    p_wrong = np.sort(random.uniform(0.02, 0.98, len(cells)))[::-1]
    wrong = random.random(len(cells)) < p_wrong**2
    ranking = [
        (at + 1, clip_id, code, "false" if code == "amecro" else "missing", float(p), 0.5, 0.5, 0)
        for at, ((clip_id, code), p) in enumerate(zip(cells, p_wrong, strict=True))
    ]
    verdict = [
        "present" if (code != "amecro") == bool(w) else "absent" for (_, code), w in zip(cells, wrong, strict=True)
    ]
    fits = []
    for name in ("app", "file"):
        workspace = open_workspace(tmp_path / name, create=True)
        add_clips(workspace, clips, classes)
        store_ranking(workspace, finished_run(workspace), rows=ranking)
        with workspace.read() as connection:
            run = read_scored_run(connection, "001-demo", "earmark")
            rows = queue.rows(connection, run, QueueFilter(order="rank"), limit=300)
        if name == "app":
            said = [
                Decision(
                    f"e{at}", "ann", row.suspect.clip_id, row.suspect.class_code, verdict[at],
                    shown=replace(queue.as_shown(row, "earmark"), asked=True),
                )
                for at, row in enumerate(rows)
            ]  # fmt: skip
            journal.append(workspace, said)
        else:
            path = tmp_path / "q.csv"
            filled = fill(path, listed(workspace, path), {at + 1: verdict[at] for at in range(300)})
            words = ["decide", str(filled), "--workspace", str(workspace.root), "--reviewer", "ann"]
            with redirect_stdout(io.StringIO()) as said_of_it:
                assert main(words) == 0
            assert "300 of 300 verdicts count for the likelihoods" in said_of_it.getvalue()
        with workspace.read() as connection:
            fits.append(read_scored_run(connection, "001-demo", "earmark"))
        workspace.close()
    app, file = fits
    assert sum(file.calibration.decided.values()) == 300
    assert file.calibration.decided == app.calibration.decided
    assert not file.calibration.is_guess("missing")
    np.testing.assert_array_equal(file.probability, app.probability)
