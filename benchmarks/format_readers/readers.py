"""The other programs' own readers, each a few lines that print what they found in folders as JSON.

They run in an environment of their own. Each prints a list with an entry a folder: the classes by the recording as the
reader knows it, or what it complained of. `datasets` is asked for the bytes of the sound, not to decode it: it imports
torch and torchcodec all the same, and empty modules take the place of the latter where it is not installed.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

Found = dict[str, list[str]]

_EACH = """
import json, sys, traceback
def each(find):
    found = []
    for folder in sys.argv[1:]:
        try:
            found.append({name: sorted(codes) for name, codes in find(folder).items()})
        except Exception:
            found.append(traceback.format_exc()[-1500:])
    print()
    print(json.dumps(found))
"""
DATASETS = """
import hashlib, types
from datasets import Audio, ClassLabel, config, disable_progress_bars, load_dataset
disable_progress_bars()
if not config.TORCHCODEC_AVAILABLE:
    for name in ("torchcodec", "torchcodec.encoders", "torchcodec.decoders"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["torchcodec.encoders"].AudioEncoder = sys.modules["torchcodec.decoders"].AudioDecoder = object
def find(folder):
    rows = load_dataset(folder, split="train", cache_dir=folder + ".cache")
    (sound,) = [name for name, feature in rows.features.items() if isinstance(feature, Audio)]
    kinds = {name: getattr(feature, "feature", feature) for name, feature in rows.features.items()}
    columns = [name for name, kind in kinds.items() if isinstance(kind, ClassLabel) or name in ("label", "labels")]
    columns = [name for name in columns if name not in ("absent", "unsure")]
    found = {}
    for row in rows.cast_column(sound, Audio(decode=False)):
        content = row[sound]["bytes"] or open(row[sound]["path"], "rb").read()
        codes = found.setdefault(hashlib.sha256(content).hexdigest(), set())
        for name in columns:
            own = row[name] if isinstance(row[name], list) else [row[name]]
            codes |= {kinds[name].int2str(code) if isinstance(code, int) else code for code in own} - {"", None}
    return found
each(find)
"""
LABEL_STUDIO = """
import pathlib
from label_studio_sdk.label_interface import LabelInterface
def find(folder):
    folder = pathlib.Path(folder)
    interface = LabelInterface((folder / "label_config.xml").read_text(encoding="utf-8"))
    interface.validate()
    found = {}
    for task in json.loads((folder / "tasks.json").read_text(encoding="utf-8")):
        codes = set()
        for annotation in task["annotations"]:
            assert interface.validate_annotation(annotation), annotation
            for result in annotation["result"]:
                codes |= set(result["value"][result["type"]])
        found[task["data"]["audio"].partition("?d=")[2]] = codes
    return found
each(find)
"""
HOPLITE = """
from perch_hoplite.db import db_loader
from perch_hoplite.db.datatypes import LabelType
def find(folder):
    database = db_loader.create_new_usearch_db(folder, 8)
    names = {recording.id: recording.filename for recording in database.get_all_recordings()}
    found = {name: set() for name in names.values()}
    for annotation in database.get_all_annotations():
        if annotation.label_type == LabelType.POSITIVE:
            found[names[annotation.recording_id]].add(annotation.label)
    return found
each(find)
"""
RAVEN = """
import pathlib
import crowsetta, pandas
LABELS = ("Annotation", "Species", "Common Name")
RECORDINGS = ("Begin Path", "Begin File")
def find(folder):
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*selection*.txt")):
        encoding = "utf-8" if path.read_bytes().decode("utf-8", "replace").find("\\ufffd") < 0 else "latin-1"
        frame = pandas.read_csv(path, sep="\\t", dtype=str, keep_default_na=False, quoting=3, encoding=encoding)
        label = next(name for name in LABELS if name in frame)
        named = next((frame[name] for name in RECORDINGS if name in frame), [""] * len(frame))
        # of tables that Earmark made: it refuses other programs' whole numbers, commas, and tables without a row
        if len(frame) and "Score" in frame:
            assert len(crowsetta.formats.bbox.Raven.from_file(path, annot_col=label).df) == len(frame)
        name = str(path.relative_to(folder))
        for recording, code in zip(named, frame[label]):
            found.setdefault(f"{name}\\t{recording}", set()).add(code if "Score" in frame else code.strip('"'))
        if not len(frame):
            found[f"{name}\\t"] = set()
    return found
each(find)
"""
AOEF = """
import pathlib
from soundevent import io
def find(folder):
    paths = [path for path in sorted(pathlib.Path(folder).glob("*.json")) if path.name != "label_version.json"]
    own = io.load(paths[0], audio_dir=folder)
    found = {}
    def add(recording, tags):
        name = str(recording.path).removeprefix(folder + "/")
        found.setdefault(name, set()).update(tag.value for tag in tags)
    for recording in getattr(own, "recordings", ()):
        add(recording, recording.tags)
    for clip in getattr(own, "clip_annotations", ()):
        add(clip.clip.recording, clip.tags)
        for event in clip.sound_events:
            add(clip.clip.recording, event.tags)
    return found
each(find)
"""
READERS = {
    "huggingface": DATASETS,
    "huggingface_parquet": DATASETS,
    "labelstudio": LABEL_STUDIO,
    "hoplite": HOPLITE,
    "raven": RAVEN,
    "aoef": AOEF,
}
"""By the format that each reads."""


def read(python: str, format: str, folders: Sequence[Path]) -> list[Found | str]:
    """What a format's reader found in each folder: classes by the recording, or its complaint.

    Raises SystemExit where the environment lacks the reader.
    """
    command = [python, "-c", _EACH + READERS[format], *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-6000:])
    found: list[Found | str] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
