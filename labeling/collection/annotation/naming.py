"""What files that are written anew are called: after the clip, and never outside the folder that they go into."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping

from labeling.file_names import AUDIO_SUFFIXES, folded, without_suffix
from labeling.storage.remote import is_url


def relative_name(filename: str) -> str:
    """A clip's name as a path below any folder: without a drive, a root, a URL's start, or a way up.

    >>> relative_name("../birds/a.wav"), relative_name("/data/a.wav"), relative_name("https://x.org/a.wav")
    ('birds/a.wav', 'data/a.wav', 'x.org/a.wav')
    """
    text = filename.split("://", 1)[1] if is_url(filename) else re.sub(r"^[A-Za-z]:", "", filename)
    parts = [part for part in re.split(r"[/\\]+", text.replace("\0", "")) if part not in ("", ".", "..")]
    return "/".join(parts) or "clip"


def sound_name(filename: str, path: str) -> str:
    """`relative_name` of a clip, with the suffix of its file at ``path``: tables leave it out, or name another kind.

    >>> sound_name("64760", "/fsd/64760.wav"), sound_name("a.mp3", "/x/a.wav"), sound_name("a.WAV", "/x/a.wav")
    ('64760.wav', 'a.wav', 'a.WAV')
    """
    return suffixed(relative_name(filename), path)


def suffixed(name: str, path: str) -> str:
    """A name with the suffix of the sound file at a path or URL."""
    suffix = os.path.splitext(path.partition("?")[0] if is_url(path) else path)[1]
    if suffix.lower() not in AUDIO_SUFFIXES or name.lower().endswith(suffix.lower()):
        return name
    return without_suffix(name) + suffix


def places_below(paths: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Where clips (name to path) lie below one folder, and that folder; "" where they lie as they are called.

    Tables of some sets name files without their folders: then a path that leads to each is what others need.

    >>> places_below({"a.wav": "/us8k/audio/fold1/a.wav", "b.wav": "/us8k/audio/fold2/b.wav"})
    ({'a.wav': 'fold1/a.wav', 'b.wav': 'fold2/b.wav'}, '/us8k/audio')
    >>> places_below({"x/a.wav": "/data/x/a.wav", "b.wav": "/data/b.wav"})
    ({'x/a.wav': 'x/a.wav', 'b.wav': 'b.wav'}, '')
    """
    called = {name: sound_name(name, path) for name, path in paths.items()}
    roots = {
        path.removesuffix(called[name]) if path.endswith(f"/{called[name]}") else "" for name, path in paths.items()
    }
    if len(roots) < 2 or not all(os.path.isabs(path) for path in paths.values()):
        return called, ""
    root = os.path.commonpath([os.path.dirname(path) for path in paths.values()])
    return {name: os.path.relpath(path, root) for name, path in paths.items()}, root


def free_name(name: str, taken: set[str]) -> str:
    """A path that none of ``taken`` (folded) is, also on a disk that tells no case apart; it is then one of them.

    >>> taken = set()
    >>> free_name("a.wav", taken), free_name("A.wav", taken)
    ('a.wav', 'A (2).wav')
    """
    stem, suffix = os.path.splitext(name)
    free, number = name, 2
    while folded(free) in taken:
        free, number = f"{stem} ({number}){suffix}", number + 1
    taken.add(folded(free))
    return free


def names_beside(filenames: Iterable[str], name: Callable[[str], str], *, with_suffix: bool = False) -> dict[str, str]:
    """The file that goes with each clip: ``name`` of the clip's path without its suffix; where two would be the same,
    also on a disk that tells no case apart, of the path with it, and then with a number. ``with_suffix``: always with.

    >>> names_beside(["a.wav", "a.flac", "b.wav"], lambda stem: stem + ".txt")
    {'a.wav': 'a.txt', 'a.flac': 'a.flac.txt', 'b.wav': 'b.txt'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for filename in filenames:
        whole = relative_name(filename)
        tries = [name(whole)] if with_suffix else [name(without_suffix(whole)), name(whole)]
        chosen = next((free for free in tries if folded(free) not in taken), "")
        number = 2
        while not chosen or folded(chosen) in taken:
            chosen, number = name(f"{whole} ({number})"), number + 1
        taken.add(folded(chosen))
        names[filename] = chosen
    return names
