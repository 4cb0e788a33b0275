"""What lies at the place that was given: counts, what is asked of it, and a few clips to see and hear."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from labeling.collection.annotation.paths import folder_with_some
from labeling.collection.formats import formats
from labeling.collection.source import Looked, Preview, preview
from labeling.collection.tabular.reading import header
from labeling.errors import EarmarkError, SeveralTables
from labeling.sound.thumbnail import png_bytes, thumbnail, wav_bytes
from pages.ui import session
from pages.ui.bringing import storing
from pages.ui.bringing.source import SEEN, Source, below, choose, chosen, shown

WIDTH_PX, HEIGHT_PX = 560, 96
MOST_CLASSES = 12
LONGEST_NAME = 40
MOST_PROBLEMS = 100


@dataclass(frozen=True)
class _Drawn:
    """A clip that was looked at, as the page shows it. ``picture`` and ``sound`` are files, b"" without any."""

    name: str
    labels: str
    told: str
    picture: bytes = b""
    sound: bytes = b""


@dataclass(frozen=True)
class _Seen:
    """What `preview` found of a source, without the samples of its clips; ``near`` is where their sound may lie."""

    source: Source
    preview: Preview
    dark: bool
    drawn: tuple[_Drawn, ...]
    near: str

    @property
    def missing(self) -> bool:
        """Whether none of the files that were looked for is there."""
        return bool(self.drawn) and all(looked.status == "missing" for looked in self.preview.clips)


def look(*, again: bool) -> None:
    """What lies there, what is to be asked, a few clips, and the button that stores it."""
    given = chosen()
    if given is None:
        return
    st.markdown("#### What was found")
    place = st.empty()
    source = _asked(given)
    seen = _seen(source) if source is not None else None
    if source is None or seen is None:
        return
    _summary(seen.preview)
    _where_sound_is(seen)
    storing.store(source, len(seen.preview.table.clips), place, again=again)
    _clips(seen)


def _seen(source: Source) -> _Seen | None:
    """What is there, looked at once for each source and not at every press in the page; None where that fails."""
    dark = st.context.theme.type == "dark"
    seen: _Seen | None = st.session_state.get(SEEN)
    if seen is not None and (seen.source, seen.dark) == (source, dark):
        return seen
    try:
        with st.spinner("Reading"):
            found = preview(
                source.path, format=source.format, audio=source.audio, options=source.options, below=below(source)
            )
    except SeveralTables as problem:
        choose(replace(source, tables=problem.tables))
        st.rerun()
    except EarmarkError as problem:
        _failed(str(problem).replace(source.path, shown(source, source.path)))
        return None
    drawn = tuple(_drawn(looked, dark) for looked in found.clips)
    near = ""
    if found.clips and not found.found:  # they may lie around it
        near = folder_with_some(Path(source.path), [looked.clip.filename for looked in found.clips])
    kept = replace(found, clips=tuple(replace(looked, samples=looked.samples[:0]) for looked in found.clips))
    st.session_state[SEEN] = _Seen(source, kept, dark, drawn, near)
    return _Seen(source, kept, dark, drawn, near)


def _failed(problem: str) -> None:
    """What is wrong; where a long list of what each format needs follows, that is a list to be opened."""
    first, *needs = problem.split("\n")
    st.error(session.plain(first.partition(" Formats, and what")[0]), icon=":material/error:")
    if needs:
        with st.expander("What each format needs", icon=":material/format_list_bulleted:"):
            named = (line.strip().partition(": ") for line in needs)
            st.markdown("\n".join(f"- **{session.plain(name)}**: {session.plain(need)}" for name, _, need in named))


def _asked(source: Source) -> Source | None:
    """The source with what is asked of it: which of its tables, where several fit, and which columns of the table.

    None until a table is chosen.
    """
    if source.tables:
        words = f"Which of the {len(source.tables)} tables in {session.plain(shown(source, source.path))}?"
        table = st.selectbox(
            words, source.tables, index=None, format_func=os.path.basename, placeholder="choose one", key="import:table"
        )
        if table is None:
            return None
        source = replace(source, path=table)
    format_name = source.format or "table"
    asks = formats.get(format_name).asks if format_name in formats.names() else {}
    if not asks or not os.path.isfile(source.path):
        return source
    columns = [name for name in header(Path(source.path)) if name]
    if not columns:
        return source
    options = {}
    with st.expander("Columns", icon=":material/view_column:", expanded=source.format == "table"):
        st.caption("What is not chosen is found out by itself.")
        boxes = st.columns(2)
        for number, (option, words) in enumerate(asks.items()):
            value = boxes[number % 2].selectbox(
                words, columns, index=None, placeholder="found by itself", key=f"import:{option}"
            )
            if value:
                options[option] = value
    return replace(source, options=options)


def _summary(seen: Preview) -> None:
    table, clips = seen.table, seen.table.clips
    timed = sum(len(clip.regions) for clip in clips)
    with st.container(horizontal=True, gap="large"):
        st.metric("Format", table.format, width="content")
        st.metric("Clips", f"{len(clips):,}", width="content")
        st.metric("Classes", f"{len(seen.labels):,}", width="content")
        if timed:
            st.metric("Times of labels", f"{timed:,}", width="content")
    told = [f"{session.plain(_short(code))} {count:,}" for code, count in list(seen.labels.items())[:MOST_CLASSES]]
    more = f", and {len(seen.labels) - MOST_CLASSES:,} more" if len(seen.labels) > MOST_CLASSES else ""
    if told:
        st.markdown(f"**Labels**: {', '.join(told)}{more}")
    for note in _notes(seen):
        st.caption(note)
    if more or any(len(code) > LONGEST_NAME for code in seen.labels):
        with st.expander(f"All {len(seen.labels):,} classes", icon=":material/label:"):
            st.dataframe(pd.DataFrame(seen.labels.items(), columns=["class", "clips"]), hide_index=True)
    if table.problems:
        with st.expander(_count(len(table.problems), "remark"), icon=":material/warning:"):
            rows = [(problem.row or "", problem.filename, problem.reason) for problem in table.problems[:MOST_PROBLEMS]]
            st.dataframe(pd.DataFrame(rows, columns=["row", "file", "what"]).astype(str), hide_index=True)
            if len(table.problems) > MOST_PROBLEMS:
                st.caption(f"And {len(table.problems) - MOST_PROBLEMS:,} more, which are kept with the import.")


def _notes(seen: Preview) -> list[str]:
    """What else a reader should know of its labels, a sentence each."""
    clips = seen.table.clips
    without = sum(not clip.labels for clip in clips)
    partial = sum(clip.partial and not clip.labels and not clip.absent for clip in clips)
    verdicts = sum(len(clip.verdicts) for clip in clips)
    notes = [f"Nobody listened to {_count(partial, 'clip')}."] if partial else []
    notes += [f"{_count(without - partial, 'clip')} without a label: nothing was heard."] if without > partial else []
    notes += [f"{_count(verdicts, 'decision')} of people come with it."] if verdicts else []
    return notes


def _where_sound_is(seen: _Seen) -> None:
    """Where the sound lies, and what to do where it is not found."""
    found, looked = seen.preview.found, len(seen.preview.clips)
    root = session.plain(shown(seen.source, seen.preview.table.audio_root))
    if seen.missing:
        where = (
            f"They seem to be in {session.plain(seen.near)}: give that as the audio folder, and look again."
            if seen.near
            else "Give the folder that holds them as the audio folder, and look again."
        )
        none = f"None of the {looked} files that were looked for is" if looked > 1 else "The file is not"
        st.warning(f"{none} in {root}. {where}", icon=":material/folder:")
        return
    if seen.preview.unpacked_to:
        folder = session.plain(shown(seen.source, seen.preview.unpacked_to))
        files = _count(len(seen.preview.table.clips), "file")
        st.caption(f"The sound is in the table. The import puts it into {folder}, {files}; nothing is written before.")
    else:
        st.caption(f"Sound in {root}; {found} of {looked} files that were looked at can be used.")


def _clips(seen: _Seen) -> None:
    """A few clips, each with its labels, its picture and its sound."""
    if seen.missing:
        return
    if not any(one.picture for one in seen.drawn):
        names = "\n".join(f"{one.name}: {one.told}" for one in seen.drawn)
        st.code(names, language=None, wrap_lines=True)
        return
    if len(seen.drawn) < len(seen.preview.table.clips):
        st.markdown(f"#### {len(seen.drawn)} of them")
    for first in range(0, len(seen.drawn), 2):
        for column, one in zip(st.columns(2), seen.drawn[first : first + 2], strict=False):
            with column.container(border=True, height="stretch"):
                st.markdown(f"**{session.plain(one.name)}**")
                st.caption(session.plain(one.labels))
                if one.picture:
                    st.image(one.picture, width="stretch", alt=f"Spectrogram of {one.name}")
                    st.audio(one.sound, format="audio/wav")
                else:
                    st.caption(f":material/error: {session.plain(one.told)}")


def _drawn(looked: Looked, dark: bool) -> _Drawn:
    clip = looked.clip
    labels = ", ".join(clip.labels) or "no label"
    if not len(looked.samples):
        return _Drawn(clip.filename, labels, f"{looked.status}: {looked.reason}")
    picture = _across(thumbnail(looked.samples, looked.sample_rate, WIDTH_PX, HEIGHT_PX))
    labels += f" · {looked.duration_s:.1f} s, {looked.sample_rate / 1000:g} kHz"
    labels += " · silent" if looked.status == "silent" else ""
    png = png_bytes(255 - picture if dark else picture)
    return _Drawn(clip.filename, labels, looked.reason, png, wav_bytes(looked.samples, looked.sample_rate))


def _across(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture as wide as all others, so that the player's line below it is its time."""
    return picture[:, np.arange(WIDTH_PX) * picture.shape[1] // WIDTH_PX]


def _short(code: str) -> str:
    return code if len(code) <= LONGEST_NAME else f"{code[: LONGEST_NAME - 1]}…"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
