"""FSD50K: each clip has its classes and all of their parents; ``mids`` are the same in AudioSet's ids, in one order.

Its vocabulary gives the mids of classes that no corrected row has had, its ratings are what people decided. A label
that is added brings its parents with it: as AudioSet's ontology.json has them, where that lies beside the table, and
else as far as the table's own rows show them.
A table that is made anew has the mids of its classes where they are known, and a split.
Options: ``ratings`` ("verdicts": people's decisions enter the journal, "none": they are left out). ``parents``, by
class, are kept from the import on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import (
    Correction,
    Format,
    ImportedClip,
    ImportedTable,
    LabelledClip,
    Labelling,
    NotHeld,
    Problem,
    StatedVerdict,
    Written,
)
from labeling.collection.formats.freesound.mids import mids_of, named, vocabulary
from labeling.collection.tabular.anew import write_new
from labeling.collection.tabular.preset import Preset
from labeling.collection.tabular.reading import load
from labeling.errors import FormatError
from labeling.registry import some_of, unknown_name

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "": ("test", "eval", "evaluation"),
}
"""The words by which a collection says what a clip is for; "" is what FSD50K has in a table of its own."""
RATERS = "FSD50K raters"
"""Who decided: the ratings do not say which person."""
CHOICES = ("verdicts", "none")
LEAST_ROWS = 8  # of a class, before what all of them share is taken for its parents and not for chance
PRESET = Preset(
    name="fsd50k",
    about="FSD50K (Fonseca 2022): several classes a clip with all their parents; mids follow, ratings are verdicts.",
    needs="a folder with FSD50K.ground_truth/dev.csv that has fname, labels and mids; sound under FSD50K.dev_audio/",
    columns=("fname", "labels", "mids"),
    more=("split",),
    options={"path_column": "fname", "label_column": "", "labels_column": "labels", "separator": ","},
    tables=tuple(f"{folder}{name}.csv" for name in ("dev", "eval") for folder in ("FSD50K.ground_truth/", "")),
    sounds=("../FSD50K.{stem}_audio", "FSD50K.{stem}_audio", "../{stem}_audio", "{stem}_audio"),
    words=True,
    stem=True,
    texts={"mids": {}},
    rank=15,
)


def read(path: Path, audio: str | None, options: Mapping[str, Any]) -> ImportedTable:
    """Read dev.csv or eval.csv, with the vocabulary and the ratings that lie around it."""
    ratings = str(options.get("ratings") or CHOICES[0])
    if ratings not in CHOICES:
        raise FormatError(unknown_name("choice for ratings", ratings, list(CHOICES)))
    words = next(_around(path.parent, "vocabulary.csv"), None)
    mids = {} if words is None else vocabulary(words)
    table = PRESET.read(path, audio, {**options, "texts": {"mids": mids}})
    names = {code: code.replace("_", " ") for code in mids}  # classes of the set that none of these clips has, too
    table = replace(table, class_names={**names, **table.class_names})
    codes = {mid: code for code, mid in mids.items()} | _pairs(table.clips)
    parents, wrong = _ontology(path.parent, codes)
    kept: dict[str, Any] = {"texts": {"mids": {code: mid for mid, code in codes.items()}}}
    kept |= {"parents": parents} if parents else {}
    table = replace(table, options={**table.options, **kept}, problems=(*table.problems, *wrong))
    file = next(_around(path.parent, "pp_pnp_ratings*.json"), None)
    if file is None or ratings == "none":
        return table
    said, problems = _ratings(file, codes)
    clips = tuple(replace(clip, verdicts=said.get(clip.filename, ())) for clip in table.clips)
    return replace(table, clips=clips, problems=(*table.problems, *problems))


def write(data: bytes, options: Mapping[str, Any], corrections: Mapping[str, Correction], out_dir: Path) -> Written:
    """The same table, corrected: labels that were added with their parents, mids in step."""
    known = options.get("parents")
    parents: dict[str, Collection[str]] = {}
    parents |= parents_of(said.labels for said in PRESET.labels(data, options).values())
    parents |= known if isinstance(known, Mapping) else {}
    brought: Counter[str] = Counter()
    wider = {name: _with_parents(correction, parents, brought) for name, correction in corrections.items()}
    written = PRESET.write(data, options, wider, out_dir)
    if not brought:
        return written
    named = some_of(list(brought))
    where = "the ontology" if known else "all of the table's rows"
    told = f"{brought.total():,} parents were added with labels that have them in {where}: {named}."
    return replace(written, notes=(*written.notes, told))


def parents_of(rows: Iterable[tuple[str, ...]]) -> dict[str, frozenset[str]]:
    """The classes that each class has with it in all of its rows, and that occur without it too."""
    counts: Counter[str] = Counter()
    shared: dict[str, frozenset[str]] = {}
    for labels in rows:
        own = frozenset(labels)
        counts.update(own)
        for code in own:
            shared[code] = shared[code] & own if code in shared else own
    return {
        code: frozenset(other for other in others if counts[other] > counts[code])
        for code, others in shared.items()
        if counts[code] >= LEAST_ROWS
    }


def _with_parents(correction: Correction, parents: Mapping[str, Collection[str]], brought: Counter[str]) -> Correction:
    """A correction whose added labels bring their parents, but for those that were taken away."""
    wanted = {other for code in correction.added for other in parents.get(code, ())}
    new = tuple(sorted(wanted - {*correction.labels, *correction.removed}))
    brought.update(new)
    return replace(correction, labels=(*correction.labels, *new), added=(*correction.added, *new))


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """dev.csv of any labels, and eval.csv of the clips that the collection keeps for a test.

    ``options["ontology"]`` is a file that has the mids of classes, ``came_in`` the options of imports of this format.
    """
    known = [own["texts"]["mids"] for own in options.get("came_in", ()) if "texts" in own]
    known += [named(Path(str(options["ontology"])).expanduser())] if options.get("ontology") else []
    used = dict.fromkeys(code for clip in labelling.clips for code in clip.labels)
    mids = mids_of({code: labelling.classes.get(code, "") for code in used}, known)
    splits, how = _splits(labelling.clips)
    notes = [f"fsd50k: {how}."]
    if lacking := [code for code in used if code not in mids]:
        notes.append(
            f"fsd50k: no mid is known of {len(lacking):,} classes, and their place in mids is empty: "
            f"{some_of(lacking)}; --option ontology=FILE takes AudioSet's ontology.json."
        )
    new = replace(PRESET.new, texts={"mids": mids})
    clips: dict[str, list[LabelledClip]] = {"dev.csv": [], "eval.csv": []}
    for clip in labelling.clips:
        split = splits[clip.filename]
        of_split = replace(clip, metadata={**clip.metadata, "split": split})
        clips["dev.csv" if split else "eval.csv"].append(of_split)
    held: list[NotHeld] = []
    files: list[Path] = []
    for name, own in clips.items():
        if own or name == "dev.csv":
            columns = PRESET.columns if name == "eval.csv" else new.columns
            part = replace(labelling, clips=tuple(own))
            written = write_new(part, replace(new, columns=columns), name, out_dir)
            files, held = [*files, *written.files], [*held, *written.not_held]
    return Written(tuple(files), tuple(held), tuple(notes))


def _splits(clips: Sequence[LabelledClip]) -> tuple[dict[str, str], str]:
    """train, val, or "" for the test, of each clip; and in words where it is from."""
    said = {clip.filename: clip.metadata.get("split", "").strip().lower() for clip in clips}
    own = {name: next((split for split, words in SPLITS.items() if text in words), None) for name, text in said.items()}
    if any(split is not None for split in own.values()):
        how = "split is the collection's own, and train where it says none"
        more = "; clips of its test are in eval.csv" if "" in own.values() else ""
        return {name: "train" if split is None else split for name, split in own.items()}, how + more
    folds = sorted({clip.fold for clip in clips if clip.fold}, key=lambda fold: (len(fold), fold))
    if len(folds) > 1:
        last = folds[-1]
        how = f"split is val for the collection's fold {last}, and train for its other folds"
        return {clip.filename: "val" if clip.fold == last else "train" for clip in clips}, how
    return {clip.filename: "train" for clip in clips}, "split is train for all clips, as the collection has none"


def _ontology(folder: Path, codes: Mapping[str, str]) -> tuple[dict[str, list[str]], list[Problem]]:
    """The classes of the set above each of its classes, by AudioSet's ontology.json; {} where there is none.

    ``codes`` are the classes by their mids. What lies between two of them and is no class of the set is passed over.
    """
    file = next(_around(folder, "ontology*.json"), None)
    if file is None:
        return {}, []
    above: dict[str, list[str]] = {}
    try:
        for own in json.loads(load(file)):
            for child in own["child_ids"]:
                above.setdefault(child, []).append(own["id"])
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        return {}, [Problem(0, file.name, f"the ontology cannot be read, parents are taken from the rows: {problem}")]
    found = {code: _ancestors(mid, above) for mid, code in codes.items() if mid in above}
    return {code: sorted(codes[mid] for mid in mids if mid in codes) for code, mids in found.items()}, []


def _ancestors(mid: str, above: Mapping[str, list[str]]) -> set[str]:
    """All that lies above an id, each once; the file may have a class below several."""
    found: set[str] = set()
    left = list(above.get(mid, ()))
    while left:
        own = left.pop()
        if own not in found:
            found.add(own)
            left += above.get(own, ())
    return found - {mid}


def _pairs(clips: Iterable[ImportedClip]) -> dict[str, str]:
    """Mid to class, of rows that have one mid a label."""
    codes: dict[str, str] = {}
    for clip in clips:
        mids = [mid.strip() for mid in clip.metadata.get("mids", "").split(",")]
        if len(mids) == len(clip.labels):
            codes |= zip(mids, clip.labels, strict=True)
    return codes


def _ratings(file: Path, codes: Mapping[str, str]) -> tuple[dict[str, tuple[StatedVerdict, ...]], list[Problem]]:
    """What most raters said of each clip's classes; of a tie: unsure."""
    try:
        rated = json.loads(load(file))
        if not isinstance(rated, dict):
            raise ValueError("it is no object of clips")
        said = {name: tuple(_verdicts(by_mid, codes)) for name, by_mid in rated.items()}
        unknown = {mid for by_mid in rated.values() for mid in by_mid if mid not in codes}
    except (ValueError, TypeError, AttributeError, RecursionError) as problem:
        return {}, [Problem(0, file.name, f"the ratings cannot be read and were left out: {problem}")]
    problems = []
    if unknown:
        what = f"rates {len(unknown):,} classes that neither the table nor vocabulary.csv has; these were left out"
        problems.append(Problem(0, file.name, what))
    return said, problems


def _verdicts(by_mid: Mapping[str, list[float]], codes: Mapping[str, str]) -> Iterator[StatedVerdict]:
    for mid, ratings in by_mid.items():
        if mid in codes and ratings:
            votes = Counter("present" if vote > 0 else "absent" if vote < 0 else "unsure" for vote in ratings)
            (verdict, most), *others = votes.most_common()
            tie = any(count == most for _, count in others)
            yield StatedVerdict(codes[mid], "unsure" if tie else verdict, RATERS)


def _around(folder: Path, name: str) -> Iterator[Path]:
    """Files of the set that go with a table, in the folders of its release or beside it."""
    for place in (folder, folder.parent / "FSD50K.metadata", folder / "FSD50K.metadata", folder.parent):
        yield from sorted(place.glob(name))


FORMAT: Format = replace(
    PRESET.format(),
    read=read,
    write=write,
    export=export,
    takes={"ontology": "a file that has the mids of classes: AudioSet's ontology.json, or a vocabulary.csv"},
    takes_files=frozenset({"ontology"}),
)
