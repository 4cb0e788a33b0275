"""The space that a linear head reads: checked before a run is queued, and filled up when it begins. Loads no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labeling.embeddings.space import FOLDER, IMPORTED, Space, known_clips, list_spaces, open_space, sounds_now
from labeling.errors import ConfigError, EarmarkError, UnknownName
from labeling.records import Clip
from labeling.registry import unknown_name
from labeling.workspace import Workspace
from models.frozen.catalogue import FROZEN
from models.frozen.jobs import EmbedRequest, resolved

if TYPE_CHECKING:
    from models.frozen.embedding import Hearing


def check_space(workspace: Workspace, name: str) -> None:
    """Raise UnknownName or ConfigError where there is no space of this name and no frozen model that makes it here."""
    spaces = [facts.name for facts in list_spaces(workspace)]
    if name in spaces:
        return
    if name not in FROZEN.names():
        raise UnknownName(
            unknown_name("space", name, sorted({*spaces, *FROZEN.names()}))
            + "; embed it first: python -m models embed MODEL --space NAME"
        )
    try:
        resolved(workspace, EmbedRequest(name, name))
    except EarmarkError as problem:
        raise ConfigError(
            f"linear.space = {name!r} is not there yet and cannot be made by the run: {problem}; "
            f"see to that with python -m models embed {name}"
        ) from problem


def filled_space(
    workspace: Workspace,
    name: str,
    clips: Sequence[Clip],
    device: str,
    tell: Callable[[Mapping[str, Any]], None],
    should_stop: Callable[[], bool],
    log: Callable[[str], None],
    hearing: Hearing | None = None,
) -> Space:
    """The space ``name``, where clips that it lacks, or whose sound changed, are embedded first.

    ``tell`` hears how far that is, ``log`` what there was to do; ``hearing`` embeds in place of this machine. One whose
    vectors were made elsewhere stays as it is. Raises Stopped, with what was done kept, UnknownName, ConfigError,
    ArtefactError.
    """
    facts = {space.name: space for space in list_spaces(workspace)}.get(name)
    known = known_clips(workspace, name)
    with workspace.read() as connection:
        sounds = sounds_now(connection)
    missing = [clip for clip in clips if known.get(clip.id) != sounds.get(clip.id)]
    if missing and facts is not None and facts.model.startswith(IMPORTED):
        lacking = sum(clip.id not in known for clip in missing)
        if lacking:
            log(f"warning: space {name!r} was made elsewhere and lacks {lacking} of {len(clips)} clips")
    elif missing:
        from models.frozen.embedding import embed

        if facts is None:
            check_space(workspace, name)
        model, hop_s = (name, 0.0) if facts is None else (facts.model, facts.hop_s)
        log(f"space {name!r}: {len(missing)} of {len(clips)} clips to embed with {model}")
        request = resolved(workspace, EmbedRequest(model, name, hop_s, device=device))
        done = embed(workspace, request, tell, should_stop, workspace.root / FOLDER / f"{name}.log", hearing)
        log(f"space {name!r}: {done.get('clips', 0)} clips embedded, {done.get('skipped', 0)} could not be read")
    return open_space(workspace, name)
