"""The whole loop on the command line: import, train, suspects, decide, freeze, export, retrain, evaluate."""

import csv
import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from labeling.__main__ import main as labeling
from models.__main__ import main as models

SUSPECT_COLUMNS = (
    *("rank", "filename", "class", "kind", "label_quality", "p_wrong"),
    *("clipwise", "framewise_max", "onset_s", "offset_s", "run", "likely_wrong", "why"),
    *("scorer", "place", "verdict"),
)


def run(*words: str, code: int = 0) -> str:
    """Call a command, in this process; returns stdout, or stderr where it is to fail."""
    main = {"labeling": labeling, "models": models}[words[0]]
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        assert main(words[1:]) == code, out.getvalue() + err.getvalue()
    assert "Traceback" not in err.getvalue()
    return (out if code == 0 else err).getvalue()


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_loop(own_copy: Path, tmp_path: Path) -> None:
    w = ("--workspace", str(own_copy))
    # suspects: every cell of the collection is a candidate, once, best first
    run("labeling", "suspects", *w, "--csv", str(tmp_path / "suspects.csv"))
    ranked = rows(tmp_path / "suspects.csv")
    assert tuple(ranked[0]) == SUSPECT_COLUMNS
    cells = [(row["filename"], row["class"]) for row in ranked]
    clips = {name for name, _ in cells}
    assert len(set(cells)) == len(cells) == len(clips) * 7
    assert len(clips) == 48
    quality = [float(row["label_quality"]) for row in ranked]
    assert quality == sorted(quality)

    # the planted errors rise: far more of them in the first tenth of the ranking than by chance
    planted = {(row["filename"], row["label"]) for row in rows(own_copy / "demo/truth/truth_noise.csv")}
    assert len(planted) >= 10
    first = set(cells[: len(cells) // 5])
    assert len(planted & first) / len(planted) > 2 * 0.2

    # decide them all from the truth, twice: the second time nothing is added
    truth = {row["filename"]: set(row["labels"].split(";")) for row in rows(own_copy / "demo/truth/truth_labels.csv")}
    decisions = tmp_path / "decisions.csv"
    with open(decisions, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "class", "verdict"])
        for filename, code in sorted(planted):
            writer.writerow([filename, code, "present" if code in truth[filename] else "absent"])
    assert f"{len(planted)} decisions stored" in run("labeling", "decide", str(decisions), *w, "--reviewer", "rita")
    assert run("labeling", "decide", str(decisions), *w, "--reviewer", "rita").startswith("0 decisions stored")

    # freeze, export: labels are the truth now, untouched rows keep every byte
    assert "label version 2" in run("labeling", "freeze", *w, "--note", "from the truth")
    run("labeling", "export", *w, "--format", "birdclef", "--out", str(tmp_path / "out"))
    before = (own_copy / "demo/train_metadata.csv").read_bytes().splitlines()
    after = (tmp_path / "out/train_metadata.csv").read_bytes().splitlines()
    changed = {name for name, _ in planted}
    assert len(before) == len(after)
    for old, new in zip(before[1:], after[1:], strict=True):
        touched = any(name.encode() in old for name in changed)
        assert (old != new) == touched
    for row in rows(tmp_path / "out/train_metadata.csv"):
        listed = {row["primary_label"], *json.loads(row["secondary_labels"].replace("'", '"'))} - {""}
        assert listed == truth[row["filename"]], row["filename"]
    changes = rows(tmp_path / "out/changes.csv")
    assert list(changes[0]) == ["filename", "class", "from", "to", "reviewer", "time", "run"]
    assert {(row["filename"], row["class"]) for row in changes} >= planted
    assert {row["reviewer"] for row in changes} == {"rita"}

    # retrain on the corrected labels, compare
    smallest = ("train.epochs=1", "network.widths=[4,4,4,4]", "data.chunk_s=4.0")
    quickly = [word for setting in smallest for word in ("--set", setting)]
    run("models", "train", "demo", *w, "--folds", "2", "--device", "cpu", *quickly)
    both = json.loads(run("models", "runs", *w, "--json"))
    assert [(one["status"], one["label_version"]) for one in both] == [("done", 1), ("done", 2)]
    labels = own_copy / "demo/truth/truth_labels.csv"
    result = json.loads(run("models", "evaluate", *w, "--run", both[1]["id"], "--truth", str(labels), "--json"))
    assert result["truth"]["overall"]["macro_ap"] == pytest.approx(result["labels"]["overall"]["macro_ap"], abs=1e-9)
    run("labeling", "suspects", *w, "--run", both[1]["id"], "--csv", str(tmp_path / "after.csv"))
    asked = {(row["filename"], row["class"]) for row in rows(tmp_path / "after.csv")}
    assert not asked & planted, "a cell that was decided is asked again"
    facts = json.loads(run("labeling", "status", *w, "--json"))
    assert (facts["clips"], facts["decisions"], facts["label_version"]) == (48, len(planted), 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("models", "train", "quickk"), "unknown recipe 'quickk'"),
        (("models", "train", "demo", "--set", "train.epochs=0"), "train.epochs"),
        (("models", "train", "demo", "--version", "9"), "no label version 9"),
        (("models", "train", "demo", "--folds", "1"), "at least 2"),
        (("models", "evaluate", "--run", "nope"), "no run 'nope'"),
        (("models", "evaluate", "--run", "../.."), "no run"),
        (("labeling", "score", "--scorer", "nope"), "unknown scorer 'nope'"),
        (("labeling", "suspects", "--run", "nope"), "is not scored"),
        (("labeling", "export", "--format", "recordings", "--out", "/tmp/none"), "birdclef"),
        (("labeling", "import", "/no/such/place"), "nothing at"),
    ],
)
def test_mistakes_are_told(trained: Path, words: tuple[str, ...], said: str) -> None:
    assert said in run(*words, "--workspace", str(trained), code=1)


def test_commands_without_a_workspace(tmp_path: Path) -> None:
    assert "no workspace at" in run("labeling", "status", "--workspace", str(tmp_path / "none"), code=1)
    assert "no workspace at" in run("models", "runs", "--workspace", str(tmp_path / "none"), code=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("filename,verdict\na,b\n", "no column class"),
        ("filename,class,verdict\nnope.ogg,ambfin1,present\n", "no clip 'nope.ogg'"),
        ("filename,class,verdict\n{clip},nope,present\n", "unknown class 'nope'"),
        ("filename,class,verdict\n{clip},ambfin1,perhaps\n", "unknown verdict 'perhaps'"),
        ("filename,class,verdict,onset_s,offset_s\n{clip},ambfin1,present,5,2\n", "before the offset"),
        ("filename,class,verdict,onset_s,offset_s\n{clip},ambfin1,present,x,2\n", "not a number"),
        ("filename,class,verdict,onset_s,offset_s\n{clip},ambfin1,present,1,9999\n", "after the end"),
        ('filename,class,verdict\n"unclosed', "not a CSV"),
    ],
)
def test_a_bad_row_stores_nothing(own_copy: Path, tmp_path: Path, text: str, said: str) -> None:
    clip = rows(own_copy / "demo/train_metadata.csv")[0]["filename"]
    good = f"{clip},ambfin1,present\n" if text.startswith("filename,class,verdict\n{") else ""
    header, _, rest = text.partition("\n")
    file = tmp_path / "bad.csv"
    file.write_text(header + "\n" + good + rest.replace("{clip}", clip))
    assert said in run("labeling", "decide", str(file), "--workspace", str(own_copy), "--reviewer", "r", code=1)
    assert json.loads(run("labeling", "status", "--workspace", str(own_copy), "--json"))["decisions"] == 0
