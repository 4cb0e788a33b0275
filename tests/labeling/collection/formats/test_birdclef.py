"""BirdCLEF tables of every year: read with their traps, written back with nothing else changed."""

from __future__ import annotations

import csv
import difflib
import io
from pathlib import Path

import pytest

from labeling.collection.annotation.base import TableLabels
from labeling.collection.formats import (
    Correction,
    ImportedClip,
    ImportedTable,
    detect_format,
    find_table,
    formats,
)
from labeling.errors import FormatError

CC = "Creative Commons Attribution 4.0"
Y2020 = (
    "rating,ebird_code,channels,filename,species,secondary_labels,primary_label,recordist,sci_name,author\n"
    "3.5,aldfly,1 (mono),XC1.mp3,Alder Flycatcher,[],"
    "Empidonax alnorum_Alder Flycatcher,Ana Lee,Empidonax alnorum,Ana Lee\n"
    "4.0,amerob,2 (stereo),XC2.mp3,American Robin,"
    "\"['Empidonax alnorum_Alder Flycatcher', 'Corvus corax_Common Raven']\","
    "Turdus migratorius_American Robin,Bo Ek,Turdus migratorius,Bo Ek\n"
    "0.0,amerob,2 (stereo),XC3.mp3,American Robin,\"[\"\"Empidonax alnorum_Alder Flycatcher\"\"]\","
    "Turdus migratorius_American Robin,Bo Ek,Turdus migratorius,Bo Ek\n"
)  # fmt: skip
Y2021 = (
    "primary_label,secondary_labels,type,latitude,longitude,scientific_name,common_name,author,date,filename,license,"
    "rating,time,url\n"
    "acafly,['amegfi'],['song'],35.3,-79.9,Empidonax virescens,Acadian Flycatcher,Cy Dee,2012,XC11.ogg,x,2.5,09:15,u\n"
    "amegfi,[],['call'],35.3,-79.9,Spinus tristis,American Goldfinch,Cy Dee,2012,XC12.ogg,x,2.5,09:15,u\n"
)
Y2022 = (
    "primary_label,secondary_labels,type,latitude,longitude,scientific_name,common_name,author,license,rating,time,url,"
    "filename\n"
    f"afrsil1,\"['houspa', 'redava']\",['call'],19.8,-155.7,E. cantans,African Silverbill,Dan Lane,{CC},3.5,08:30,u,"
    "afrsil1/XC21.ogg\n"
    f"akikik,\"['akikik', 'apapan']\",['call'],22.0,-159.5,O. bairdi,Akikiki,Sun Bel ,{CC},3.5,9:30,u,akikik/XC22.ogg\n"
)
Y2024 = (
    "primary_label,secondary_labels,type,latitude,longitude,scientific_name,common_name,author,license,rating,url,filename\n"
    f"asbfly,[],['call'],39.2,118.1,Muscicapa dauurica,Brown Flycatcher,Magnus Hellström,{CC},5.0,u,asbfly/XC31.ogg\n"
    f"asbfly,['ashdro1'],[''],,,Muscicapa dauurica,Asian Brown Flycatcher,,{CC},0.0,u,asbfly/XC32.ogg\n"
)
Y2025 = (
    "primary_label,secondary_labels,type,filename,collection,rating,url,latitude,longitude,scientific_name,common_name,"
    "author,license\n"
    "1139490,[''],[''],1139490/CSA36385.ogg,CSA,0,u,7.3,-73.7,Ragoniella pulchella,Ragoniella pulchella,Fabio S,cc-by\n"
    "0126247,\"['65448', '22976']\",['advertisement call'],0126247/XC94.ogg,XC,3.5,u,None,None,L. insularum,"
    "Spotted Foam-nest Frog,Chris H,cc-by\n"
    "22976,[''],[''],22976/iNat58.ogg,iNat,0,u,9.0,-79.3,Rhinella horribilis,Cane Toad,Chris H,cc-by\n"
)
Y2026 = (
    "primary_label,secondary_labels,type,latitude,longitude,scientific_name,common_name,class_name,inat_taxon_id,author,"
    "license,rating,url,filename,collection\n"
    "41970,['sora'],['call'],1,2,Panthera onca,Jaguar,Mammalia,41970,Ed F,cc0,0,u,41970/iNat1.ogg,iNat\n"
)
YEARS = {2020: Y2020, 2021: Y2021, 2022: Y2022, 2023: Y2024, 2024: Y2024, 2025: Y2025, 2026: Y2026}


def table_at(folder: Path, content: str | bytes, name: str = "train_metadata.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, audio: str | None = None, **options: str) -> ImportedTable:
    assert detect_format(path) == "birdclef"
    return formats.get("birdclef").read(find_table(path, "birdclef"), audio, options)


def by_name(table: ImportedTable) -> dict[str, ImportedClip]:
    return {clip.filename: clip for clip in table.clips}


def exported(table: ImportedTable, out: Path, *corrections: Correction) -> bytes:
    write = formats.get("birdclef").write
    assert write is not None
    files = write(table.table_bytes, table.options, {one.filename: one for one in corrections}, out).files
    assert [one.name for one in files] == [table.table_name]
    return files[0].read_bytes()


def changed_lines(before: bytes, after: bytes) -> list[str]:
    lines = difflib.ndiff(before.decode().splitlines(), after.decode().splitlines())
    return [line for line in lines if line[0] in "+-"]


# ------------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize("year", YEARS)
def test_each_year_reads_and_comes_back_byte_for_byte(tmp_path: Path, year: int) -> None:
    table = read(table_at(tmp_path, YEARS[year]))
    assert len(table.clips) == YEARS[year].count("\n") - 1
    assert exported(table, tmp_path / "out") == YEARS[year].encode()
    crlf = YEARS[year].replace("\n", "\r\n").encode("utf-8-sig")
    (tmp_path / "crlf").mkdir()
    again = read(table_at(tmp_path / "crlf", crlf))
    assert [clip.labels for clip in again.clips] == [clip.labels for clip in table.clips]
    assert exported(again, tmp_path / "crlf" / "out") == crlf


def test_2020_maps_long_names_to_codes_and_keeps_those_without(tmp_path: Path) -> None:
    (tmp_path / "train_audio" / "amerob").mkdir(parents=True)
    (tmp_path / "train_audio" / "amerob" / "XC2.mp3").write_bytes(b"x")
    table = read(table_at(tmp_path, Y2020, "train.csv"))
    clips = by_name(table)
    assert clips["XC1.mp3"].labels == ("aldfly",)
    assert clips["XC2.mp3"].labels == ("amerob", "aldfly")
    assert clips["XC3.mp3"].labels == ("amerob", "aldfly")
    assert clips["XC2.mp3"].path == str(tmp_path / "train_audio" / "amerob" / "XC2.mp3")
    assert clips["XC2.mp3"].metadata["other_secondary_labels"] == "Corvus corax_Common Raven"
    assert clips["XC2.mp3"].metadata["primary_label"] == "Turdus migratorius_American Robin"
    assert [(one.row, one.filename) for one in table.problems] == [(3, "XC2.mp3")]
    assert "Corvus corax_Common Raven" in table.problems[0].reason
    assert table.class_names == {"aldfly": "Alder Flycatcher", "amerob": "American Robin"}
    assert clips["XC1.mp3"].group == "Ana Lee"


def test_2020_is_written_with_its_long_names(tmp_path: Path) -> None:
    table = read(table_at(tmp_path, Y2020, "train.csv"))
    after = exported(
        table,
        tmp_path / "out",
        Correction("XC2.mp3", "amerob", ("amerob",), removed=("aldfly",)),
        Correction("XC1.mp3", "amerob", ("amerob", "aldfly"), added=("amerob",)),
    )
    rows = {row["filename"]: row for row in csv.DictReader(io.StringIO(after.decode()))}
    # the bird without a code was nobody's decision, so it stays
    assert rows["XC2.mp3"]["secondary_labels"] == "['Corvus corax_Common Raven']"
    assert rows["XC1.mp3"]["ebird_code"] == "amerob"
    assert rows["XC1.mp3"]["primary_label"] == "Turdus migratorius_American Robin"
    assert rows["XC1.mp3"]["secondary_labels"] == "['Empidonax alnorum_Alder Flycatcher']"
    assert len(changed_lines(Y2020.encode(), after)) == 4


def test_2021_puts_the_folder_before_the_filename(tmp_path: Path) -> None:
    (tmp_path / "train_short_audio" / "acafly").mkdir(parents=True)
    (tmp_path / "train_short_audio" / "acafly" / "XC11.ogg").write_bytes(b"x")
    table = read(table_at(tmp_path, Y2021))
    assert table.audio_root == str(tmp_path / "train_short_audio")
    assert by_name(table)["XC11.ogg"].path == str(tmp_path / "train_short_audio" / "acafly" / "XC11.ogg")
    assert by_name(table)["XC12.ogg"].path == str(tmp_path / "train_short_audio" / "amegfi" / "XC12.ogg")


def test_2021_finds_a_clip_whose_corrected_label_is_no_longer_its_folder(tmp_path: Path) -> None:
    audio = tmp_path / "train_short_audio" / "acafly"
    audio.mkdir(parents=True)
    (audio / "XC11.ogg").write_bytes(b"x")
    table = read(table_at(tmp_path, Y2021))
    after = exported(table, tmp_path / "out", Correction("XC11.ogg", "amegfi", ("amegfi",)))
    table_at(tmp_path, after)
    again = by_name(read(tmp_path))["XC11.ogg"]
    assert again.labels == ("amegfi",)
    assert again.path == str(audio / "XC11.ogg")


def test_one_name_in_two_folders_is_two_clips(tmp_path: Path) -> None:
    extra = "amegfi,[],['call'],1,2,S t,American Goldfinch,Zo,2012,XC11.ogg,x,2.5,09:15,u\n"
    table = read(table_at(tmp_path, Y2021 + extra + extra))
    assert list(by_name(table)) == ["acafly/XC11.ogg", "XC12.ogg", "amegfi/XC11.ogg"]
    assert table.clips[2].rows == (4, 5)
    after = exported(table, tmp_path / "out", Correction("amegfi/XC11.ogg", "amegfi", ("amegfi", "acafly")))
    lines = after.decode().splitlines()
    assert lines[3].startswith("amegfi,['acafly'],")
    assert lines[4].startswith("amegfi,[],")  # what was added stands once


def test_2022_repeated_primary_and_trailing_blanks(tmp_path: Path) -> None:
    table = read(table_at(tmp_path, Y2022))
    clip = by_name(table)["akikik/XC22.ogg"]
    assert clip.labels == ("akikik", "apapan")
    assert clip.primary == "akikik"
    assert clip.group == "Sun Bel"
    assert clip.metadata["author"] == "Sun Bel "
    after = exported(table, tmp_path / "out", Correction("akikik/XC22.ogg", "akikik", ("akikik", "apapan", "iiwi")))
    assert b"\"['akikik', 'apapan', 'iiwi']\"" in after  # what was there keeps its place, the new one comes last
    after = exported(table, tmp_path / "out2", Correction("akikik/XC22.ogg", "apapan", ("apapan",)))
    assert after.splitlines()[2].startswith(b'apapan,"[]",')  # quoted before, quoted now


def test_2025_numbers_stay_text_and_empty_lists_keep_their_spelling(tmp_path: Path) -> None:
    table = read(table_at(tmp_path, Y2025, "train.csv"))
    clips = by_name(table)
    assert clips["0126247/XC94.ogg"].labels == ("0126247", "65448", "22976")
    assert clips["1139490/CSA36385.ogg"].labels == ("1139490",)
    assert clips["0126247/XC94.ogg"].metadata["latitude"] == "None"
    assert clips["1139490/CSA36385.ogg"].metadata["rating"] == "0"
    after = exported(
        table,
        tmp_path / "out",
        Correction("0126247/XC94.ogg", "0126247", ("0126247",)),
        Correction("22976/iNat58.ogg", "22976", ("22976", "0126247")),
    )
    assert (
        after == Y2025.replace("\"['65448', '22976']\"", "\"['']\"").replace("22976,['']", "22976,['0126247']").encode()
    )


def test_missing_author_is_no_group_and_options_choose_another(tmp_path: Path) -> None:
    path = table_at(tmp_path, Y2024)
    assert [clip.group for clip in read(path).clips] == ["Magnus Hellström", ""]
    assert [clip.group for clip in read(path, group_column="latitude").clips] == ["39.2", ""]
    with pytest.raises(FormatError, match=r"no column 'site' \(--group-column\); it has primary_label"):
        read(path, group_column="site")
    grouped = Y2024.replace("filename\n", "filename,group\n").replace(".ogg\n", ".ogg,G1\n")
    assert {clip.group for clip in read(table_at(tmp_path, grouped)).clips} == {"G1"}


def test_names_come_from_a_taxonomy_beside_the_table(tmp_path: Path) -> None:
    (tmp_path / "taxonomy.csv").write_text(
        "primary_label,inat_taxon_id,scientific_name,common_name,class_name\n"
        "41970,41970,Panthera onca,Jaguar (taxonomy),Mammalia\nsora,1,Porzana carolina,Sora,Aves\nx,2,X,Unused,Aves\n"
    )
    assert read(table_at(tmp_path, Y2026)).class_names == {"41970": "Jaguar (taxonomy)", "sora": "Sora"}


# ------------------------------------------------------------------------------------------------ bad input


def test_a_missing_column_names_the_columns_found(tmp_path: Path) -> None:
    path = table_at(tmp_path, "primary_label,filename\na,a/b.ogg\n")
    with pytest.raises(
        FormatError, match=r"no column secondary_labels; it has primary_label, filename.*--format table"
    ):
        formats.get("birdclef").read(path, None, {})


@pytest.mark.parametrize("code", ["../../etc/passwd", "/etc", "C:\\x", "..\\..", "a/../../.."])
def test_a_code_that_is_a_path_stays_data(tmp_path: Path, code: str) -> None:
    inside = f'"{code}",[],x,1,2,S,Some Bird,Zo,2012,acafly/XC13.ogg,x,2.5,09:15,u\n'
    outside = f'"{code}",[],x,1,2,S,Some Bird,Zo,2012,XC14.ogg,x,2.5,09:15,u\n'
    table = read(table_at(tmp_path, Y2021 + inside + outside))
    clip = by_name(table)["acafly/XC13.ogg"]
    assert clip.primary == code
    assert clip.path.startswith(str(tmp_path))
    assert "XC14.ogg" not in by_name(table)
    assert [one.filename for one in table.problems] == ["XC14.ogg"]
    assert "points outside the audio folder" in table.problems[0].reason


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a/../../x.ogg", "C:\\x.ogg", "https://x.org/a.ogg"]
)
def test_a_filename_never_leads_outside(tmp_path: Path, name: str) -> None:
    table = read(table_at(tmp_path, Y2024 + f"asbfly,[],[],1,2,M,A,B,C,0,u,{name}\n"))
    assert len(table.clips) == 2
    assert [(one.row, one.filename) for one in table.problems] == [(4, name)]


HOSTILE = [
    "<script>alert(1)</script>",
    'say "hi"',
    "a, b",
    "🐦",
    "=cmd()|' /C calc'!A0",
    "it's",
    "'; DROP TABLE clips; --",
    "\\",
]


def test_hostile_labels_are_read_and_written_as_they_are(tmp_path: Path) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["primary_label", "secondary_labels", "filename"])
    for i, label in enumerate(HOSTILE):
        writer.writerow([label, repr([one for one in HOSTILE if one != label]), f"x/XC{i}.ogg"])
    table = read(table_at(tmp_path, out.getvalue()))
    assert [clip.primary for clip in table.clips] == HOSTILE
    assert all(set(clip.labels) == set(HOSTILE) for clip in table.clips)
    corrections = [Correction(f"x/XC{i}.ogg", HOSTILE[i - 1], tuple(reversed(HOSTILE))) for i in range(len(HOSTILE))]
    after = exported(table, tmp_path / "out", *corrections)
    again = read(table_at(tmp_path, after))
    assert [clip.primary for clip in again.clips] == [HOSTILE[i - 1] for i in range(len(HOSTILE))]
    assert all(set(clip.labels) == set(HOSTILE) for clip in again.clips)


def test_odd_rows_are_recorded_and_the_rest_is_read(tmp_path: Path) -> None:
    odd = (
        "asbfly,[],[],1,2,M,A,B,C,0,u,asbfly/XC31.ogg\n"  # row 4: joined to row 2
        "asbfly,[],[],1,2,M,A,B,C,0,u,\n"  # row 5: no filename
        "asbfly,[],[],1,2,M,A,B,C,0,u,asbfly/XC34.ogg,more\n"  # row 6: an unquoted comma
        "asbfly,__import__('os'),[],1,2,M,A,B,C,0,u,asbfly/XC35.ogg\n"  # row 7: code, not a list: one label
        "asbfly,['a'+'b'],[],1,2,M,A,B,C,0,u,asbfly/XC36.ogg\n"  # row 8: no list
        ",[],[],1,2,M,A,B,C,0,u,asbfly/XC37.ogg\n"  # row 9: no primary
    )
    table = read(table_at(tmp_path, Y2024 + odd))
    assert {one.row for one in table.problems} == {2, 5, 6, 8}  # 2: its rows name two authors
    clips = by_name(table)
    assert clips["asbfly/XC35.ogg"].labels == ("asbfly", "__import__('os')")
    assert clips["asbfly/XC36.ogg"].labels == ("asbfly",)
    assert clips["asbfly/XC36.ogg"].metadata["secondary_labels"] == "['a'+'b']"
    assert clips["asbfly/XC37.ogg"].labels == ()
    assert exported(table, tmp_path / "out") == (Y2024 + odd).encode()


# ------------------------------------------------------------------------------------------------ writing


def test_only_the_label_cells_of_changed_rows_change(tmp_path: Path) -> None:
    table = read(table_at(tmp_path, Y2024))
    after = exported(table, tmp_path / "out", Correction("asbfly/XC32.ogg", "ashdro1", ("ashdro1", "asbfly", "new1")))
    assert after == Y2024.replace("asbfly,['ashdro1'],['']", "ashdro1,\"['asbfly', 'new1']\",['']").encode()


def test_a_correction_that_changes_nothing_changes_no_byte(tmp_path: Path) -> None:
    table = read(table_at(tmp_path, Y2022))
    same = Correction("afrsil1/XC21.ogg", "afrsil1", ("afrsil1", "redava", "houspa"))
    assert exported(table, tmp_path / "out", same) == Y2022.encode()


def test_all_labels_removed_leaves_empty_cells(tmp_path: Path) -> None:
    table = read(table_at(tmp_path, Y2024))
    after = exported(table, tmp_path / "out", Correction("asbfly/XC32.ogg", "", ()))
    assert after == Y2024.replace("asbfly,['ashdro1'],['']", ",[],['']").encode()


def test_the_imported_table_is_never_overwritten(tmp_path: Path) -> None:
    path = table_at(tmp_path, Y2024)
    table = read(path)
    with pytest.raises(FormatError, match="never changed; choose another folder"):
        exported(table, tmp_path, Correction("asbfly/XC32.ogg", "", ()))
    assert path.read_bytes() == Y2024.encode()


def test_names_are_those_that_write_looks_for(tmp_path: Path) -> None:
    for year, content in YEARS.items():
        folder = tmp_path / str(year)
        folder.mkdir()
        table = read(table_at(folder, content))
        said = formats.get("birdclef").labels(table.table_bytes, table.options)
        assert said == {clip.filename: TableLabels(clip.primary, clip.labels) for clip in table.clips}
