"""Every command that the pages show is one that the programs take, flags and all; and most of them are run."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest

import earmark.__main__ as one_command
import labeling.__main__ as labels
import models.__main__ as training
from tests.support import ROOT
from tests.support.training.tiny import CLASSES, SETTINGS, tiny_collection

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
START = re.compile(r"(?:\.venv/bin/)?(?:python -m (labeling|models|earmark)|(earmark)) (?=[a-z])")
PROGRAMS = {"labeling": labels.main, "models": training.main, "earmark": one_command.main}

#: what is in a command that no test runs, and why
NOT_RUN = {
    "train linear": "hears all clips with a frozen model first",
    "--like 001-linear": "the same",
    "embed aisfx": "the same",
    "birdnet": "its licence is for a person to accept",
    "linear_birdnet": "the same",
    "embed perch.toml": "a model of the user's own",
    "embeddings hoplite/": "vectors of the user's own",
    "stage2": "needs a network that finds labels to add",
    "stage3": "the same",
    "iterate": "the same",
    "app": "serves until it is stopped",
    "demo": "trains and serves",
    "store": "needs a server of S3, as tests/labeling/storage/shared has",
    "move": "needs an empty PostgreSQL",
    "users": "asks for a password, or tells of somebody who has one",
    "--cluster": "needs a cluster, as tests/models/cluster has",
    "work": "waits for jobs until it is stopped",
    "--worker": "asks for a worker that is at work",
    "--url": "asks a server of the reader's",
}
#: what stands in the pages for something of the reader's, and what it is here
HERE = {
    "/data/birdclef-2025": "collection",
    "/mnt/disk": "collection",
    "PATH": "collection",
    "FOLDER": "collection",
    "recordings/": "collection/train_audio",
    "DIR": "out",
    "FILE": "truth_labels.csv",
    "W/demo/truth/truth_labels.csv": "truth_labels.csv",
    "W": "birds",
    "W/seed-0": "birds",
    "RUN": "001-quick",
    "RUN1": "001-quick",
    "RUN2": "002-quick",
    "N": "4",
    "K": "2",
    "amecro": "low",
}
#: a training of seconds
QUICKLY = [word for setting in (*SETTINGS, "epochs=2") for word in ("--set", setting)]


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """The program and the words of each command in a page's blocks of code."""
    found = []
    text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))  # a command may go over several lines
    for line in text.splitlines():
        start = START.match(line.strip()) if line.startswith("    ") else None
        if start:
            words = shlex.split(line.strip()[start.end() :], comments=True)
            shown = [word for word in words if word != "..." and not word.startswith("[")]
            found.append((start[1] or start[2], shown))
    return found


def not_run(words: list[str]) -> str:
    """The entry of NOT_RUN that a command is; "" where it is run."""
    text = " ".join(words)
    return next((part for part in NOT_RUN if (part in text if " " in part or "-" in part else part in words)), "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), f"{page.name}: {target}"
        if heading:
            titles = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles], target


def test_every_page_of_the_app_and_of_the_docs_is_shown() -> None:
    text = {page.name: page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")}
    listed = (ROOT / "pages" / "navigation.py").read_text(encoding="utf-8")
    titles = re.findall(r'^        "\w+": \("([^"]+)", ":material', listed, re.MULTILINE)
    assert len(titles) == len(list((ROOT / "pages").glob("[a-z]*.py"))) - 1  # but navigation.py itself
    assert re.findall("^## (.*)$", text["app.md"], re.MULTILINE) == titles
    assert all(f"({name}" in text["README.md"] for name in text.keys() - {"README.md"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_are_understood(page: Path) -> None:
    for program, words in commands(page):
        words = ["1" if word in ("N", "K") else word for word in words]
        parsers = {"labeling": [labels.parser()], "models": [training.parser()]}.get(program)
        own = one_command._parser()
        parsers = parsers or ([own] if words[0] in one_command.OWN else [training.parser(), labels.parser()])
        understood = [parser for parser in parsers if words[0] in one_command._commands(parser)]
        assert understood, f"{page.name}: {program} {words[0]}"
        try:
            understood[0].parse_args(words)
        except SystemExit as ended:
            raise AssertionError(f"{page.name}: {program} {shlex.join(words)}") from ended


def test_there_are_commands_to_understand_and_all_that_are_not_run_are_shown() -> None:
    shown = [words for page in PAGES for _, words in commands(page)]
    assert len(shown) > 40
    assert {not_run(words) for words in shown} - {""} == NOT_RUN.keys()
    assert sum(not not_run(words) for words in shown) > 25


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a reader who follows the pages: a small collection, its truth, BirdNET's results, and no more."""
    sound = tmp_path / "collection" / "train_audio"
    sound.mkdir(parents=True)
    clips, labels = tiny_collection(sound)
    with (tmp_path / "collection" / "train_metadata.csv").open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(("primary_label", "secondary_labels", "author", "filename"))
        for clip, present, primary in zip(clips, labels.present, labels.primary, strict=True):
            others = [code for code, there in zip(CLASSES, present, strict=True) if there and code != CLASSES[primary]]
            rows.writerow((CLASSES[primary], str(others), clip.group, clip.filename))
    truth = "".join(f"{clip.filename},{CLASSES[number % 3]}\n" for number, clip in enumerate(clips))
    (tmp_path / "truth_labels.csv").write_text(f"filename,labels\n{truth}")
    (tmp_path / "results").mkdir()
    header = "Start (s),End (s),Scientific name,Common name,Confidence,File\n"
    for clip in clips:
        (tmp_path / "results" / f"{Path(clip.filename).stem}.BirdNET.results.csv").write_text(
            f"{header}0.0,3.0,low,low,0.8,{clip.filename}\n"
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_pages_run(desk: Path) -> None:
    """In their order, on one workspace with two runs from the import on: each ends well, as a reader's would."""
    for page in PAGES:
        for program, words in commands(page):
            if not_run(words):
                continue
            here = [HERE.get(word, word) for word in words]
            if words[0] == "train" and "--like" not in words:
                here += QUICKLY
            assert PROGRAMS[program](here) == 0, f"{page.name}: {program} {shlex.join(here)}"
            if words[0] == "import" and not (desk / "birds" / "runs" / "001-quick").exists():
                begin(desk)
            if words[0] == "suspects":
                fill_in(desk / "list.csv")
    assert (desk / "corrected" / "changes.csv").is_file()
    assert list((desk / "predicted").iterdir())


def begin(desk: Path) -> None:
    """Two runs, and a decision: what the pages take for done after the import."""
    for _ in range(2):
        assert training.main(["train", "quick", "-w", "birds", "--device", "cpu", *QUICKLY]) == 0
    assert labels.main(["suspects", "-w", "birds", "--csv", "first.csv"]) == 0
    fill_in(desk / "first.csv")
    assert labels.main(["decide", "first.csv", "-w", "birds", "--reviewer", "ann"]) == 0


def fill_in(path: Path) -> None:
    """What a person does with a list of suspects: say of the first what it is."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows[0]["verdict"] = "present"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
