"""WebDataset: tars of at most a thousand clips, of each its sound and a JSON under one key."""

from __future__ import annotations

import errno
import io
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeling.collection.annotation.base import LabelledClip, Labelling, NotHeld, Written
from labeling.collection.annotation.naming import relative_name
from labeling.collection.formats.trainers.base import told, written_only
from labeling.errors import WorkspaceFull, WorkspaceReadOnly
from labeling.file_names import folded, without_suffix

CLIPS_A_TAR = 1000


def export(labelling: Labelling, out_dir: Path, options: Mapping[str, Any]) -> Written:
    """Write clips-000000.tar and so on. A clip whose file is not on this machine has a JSON alone, and is told of."""
    keys = _keys(labelling)
    files: list[Path] = []
    silent: list[NotHeld] = []
    path = out_dir
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for first in range(0, len(labelling.clips), CLIPS_A_TAR):
            path = out_dir / f"clips-{first // CLIPS_A_TAR:06d}.tar"
            beside = path.with_name(f".{path.name}.part")
            with tarfile.open(beside, "w", format=tarfile.PAX_FORMAT) as archive:
                for clip in labelling.clips[first : first + CLIPS_A_TAR]:
                    if not _add(archive, clip, keys[clip.filename]):
                        silent.append(NotHeld(clip.filename, "", "sound", "its file is not at its place on this disk"))
            os.replace(beside, path)
            files.append(path)
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WorkspaceFull(f"no space left to write {path}; free some and try again") from problem
        raise WorkspaceReadOnly(f"cannot write {path}: {problem.strerror}; choose another folder") from problem
    return Written(tuple(files), tuple(silent))


def _add(archive: tarfile.TarFile, clip: LabelledClip, key: str) -> bool:
    """Add the sound and the JSON of a clip; whether its sound was there."""
    there = os.path.isfile(clip.path)
    if there:
        suffix = os.path.splitext(clip.path)[1].lower() or ".wav"
        archive.add(os.path.realpath(clip.path), f"{key}{suffix}", recursive=False, filter=_plain)
    content = json.dumps(told(clip), ensure_ascii=False).encode(errors="backslashreplace")
    member = tarfile.TarInfo(f"{key}.json")
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
    return there


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without whose file it was and when: the same clips give the same tar."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def _keys(labelling: Labelling) -> dict[str, str]:
    """The key of each clip: its path without a suffix and without dots, for what follows a dot tells the kind."""
    keys: dict[str, str] = {}
    taken: set[str] = set()
    for clip in labelling.clips:
        folder, _, name = without_suffix(relative_name(clip.filename)).rpartition("/")
        start = f"{folder}/{name.replace('.', '_')}" if folder else name.replace(".", "_")
        key, number = start, 2
        while folded(key) in taken:
            key, number = f"{start}_{number}", number + 1
        taken.add(folded(key))
        keys[clip.filename] = key
    return keys


ABOUT = "WebDataset: tars of sound with a JSON each, for training."
FORMAT = written_only("webdataset", export, ABOUT)
