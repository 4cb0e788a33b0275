"""What every page needs: the workspace, the reviewer, the run on show, errors as messages."""

from __future__ import annotations

import ast
import gc
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import streamlit as st

from labeling.collection import allowed, store
from labeling.embeddings.space import has_spaces
from labeling.errors import EarmarkError
from labeling.journal.new_classes import new_classes
from labeling.people import roles
from labeling.quality.scored_run import read_scored_run
from labeling.records import WORTH_HEARING, Clip
from labeling.storage.remote import is_url
from labeling.storage.text import user_name
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import CACHE, Workspace
from pages.ui import served, signin, signing
from pages.ui.hosts import listens_here_only, serves_this_machine_only

WORKSPACE = served.WORKSPACE
workspace_path = served.workspace_path
NAMED = "earmark_reviewer"
"""The cookie that keeps the name given in this browser, percent-encoded; of no meaning where people sign in."""
MOST_SIGNS = 80  # of a name
CHECKING = "Checking whether this can be trained"


def workspace() -> Workspace:
    """The workspace of this server, for a page and who may see one.

    A page that is open may run in part, without what let them in at its top.
    """
    check("page overview")
    return served.workspace()


@lru_cache(maxsize=4)
def _secret(root: Path) -> bytes:
    return signing.media_secret(root)


def server_secret() -> bytes:
    """The key from which all tokens of this workspace are made."""
    return _secret(served.workspace().root)


def secret() -> bytes:
    """The key that signs the URLs and tokens of who looks at this page."""
    return signing.key_of(server_secret(), signin.at_the_page().name)


def routes(make: Callable[..., Sequence[Any]]) -> list[Any]:
    """The media routes of this server's workspace; none where it was given none (the pages say so)."""
    try:
        cache = Path(workspace_path()) / CACHE
    except EarmarkError:
        return []
    return list(make(cache, _clip_of, server_secret, classes=_class_rows))


def typed(text: str) -> str:
    """The path that was typed in a page; raises DataError where it is in no folder that the owner allows."""
    return allowed.typed(workspace(), text)


def home() -> str:
    """The user's own folder, from which a collection may be imported, where the app serves them alone; else "".

    An owner who named folders at the start has said which, and behind a sign-in or a name of its own others come too.
    """
    if allowed.named_folders() or signin.is_required() or not serves_this_machine_only():
        return ""
    found = os.path.realpath(os.path.expanduser("~"))
    return found if found != os.sep and os.path.isdir(found) else ""


def to_import(text: str) -> str:
    """`typed` for what is to be imported, which may lie in the user's home too."""
    return allowed.typed(workspace(), text, home())


def check_typed(value: str) -> None:
    """Raise DataError for a text with a path that leads out of those folders: a path, a URL, or a frozen model that
    names a file (``file:/models/x.toml``, ``timm:name@/models/x.pth``). A run's id, say, is no path."""
    for part in (value, *re.split(r":(?!//)|@", value)):
        if part and (is_url(part) or os.path.isabs(os.path.expanduser(part)) or os.path.exists(part)):
            typed(part)


def modules_of_pages() -> list[str]:
    """What the pages import, and what Streamlit loads when it first shows a table or a figure."""
    names = {"pandas", "pyarrow", "plotly.graph_objects", "plotly.subplots"}
    for page in Path(__file__).parents[1].glob("*.py"):
        for node in ast.parse(page.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module:  # of ``from a import b``, b may be one too
                names |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return sorted(names)


def warm_up(*makes: Callable[[], object]) -> None:
    """Do in the background what else the first visitor would wait for: load what the pages need, make what ``makes``
    make, and read one clip as the review page will."""

    def work() -> None:
        from labeling.review.clip_view import clip_view

        for name in modules_of_pages():
            with suppress(ImportError):  # a name in a module, or what the page will say is missing
                import_module(name)
        for make in makes:
            make()
        with suppress(EarmarkError):
            if has_spaces(served.workspace()):  # the order "next to label" fits a head on one
                import_module("scipy.optimize")
        with suppress(EarmarkError), served.workspace().read() as connection:
            scored = queue.current(connection)
            run = read_scored_run(connection, *scored) if scored else None
            first = queue.rows(connection, run, QueueFilter(), limit=1) if run else []
            for row in first:
                clip_view(served.workspace(), row.suspect.clip_id, scored, min_p_wrong=WORTH_HEARING, reviewer="")
        # Streamlit has the garbage collector look at every object there is each time a page has run, while all other
        # threads wait; what is loaded by now stays until the end, and need not be looked at
        gc.collect()
        gc.freeze()

    threading.Thread(target=work, daemon=True).start()


def _clip_of(clip_id: int) -> Clip | None:
    with served.workspace().read() as connection:
        clip = store.clip_by_id(connection, clip_id)
        return None if clip is None else allowed.file_of(connection, clip)


def _class_rows() -> list[tuple[str, str, bool]]:
    with served.workspace().read() as connection:
        new = new_classes(connection)
        return [(known.code, known.name, known.code in new) for known in store.all_classes(connection)]


def reviewer() -> str:
    """Who is at the screen: the signed-in user where sign-in is set up, else the name given in the sidebar."""
    if signin.is_required():
        return signin.at_the_page().name
    return str(st.session_state.get("reviewer", default_reviewer())).strip()


def reviewer_or_stop() -> str:
    """The reviewer, where a page is for deciding; one who gave no name is asked for it, and the page ends there."""
    name = reviewer()
    if not name:
        st.info("Give your name in the sidebar first: every decision is kept under it.", icon=":material/person:")
        st.stop()
    return name


def default_reviewer(cookies: Mapping[str, str] | None = None) -> str:
    """A name to begin with: the one that was given last in this browser, else this machine's user, where only this
    machine can reach the server."""
    kept = unquote(dict(st.context.cookies if cookies is None else cookies).get(NAMED, ""), errors="replace").strip()
    if kept:
        return kept[:MOST_SIGNS]
    if named := os.environ.get("EARMARK_REVIEWER"):
        return named
    if not listens_here_only():
        return ""
    return user_name()


def may(what: str) -> bool:
    """Whether who is at the screen may do something of labeling/people/roles.py."""
    return roles.may(signin.at_the_page(), what)


def check(what: str) -> None:
    """Raise NotAllowed where who is at the screen may not; who is not signed in any more is shown the way in."""
    person = signin.at_the_page()
    if person == signin.STRANGER:
        st.rerun()  # from the top of the page, which says so
    roles.check(person, what)


def may_here(what: str) -> bool:
    """`may`, and where not, say in the page who may. What is not drawn cannot be pressed."""
    reason = roles.refusal(signin.at_the_page(), what)
    if reason:
        st.caption(f":material/lock: {what[0].upper()}{what[1:]}: {plain(reason)}.")
    return not reason


def scored() -> tuple[str, str] | None:
    """The scored run on show, as chosen in the queue, else the newest."""
    wanted = st.session_state.get("scored", ("", ""))
    with workspace().read() as connection:
        return queue.current(connection, *wanted)


def keep_name(name: str) -> None:
    """Let this browser begin with a name from now on, here and on the light page."""
    cookie = f"{NAMED}={quote(name, safe='')}; path=/; max-age=31536000; samesite=lax"
    st.html(f"<script>document.cookie = {json.dumps(cookie)};</script>", unsafe_allow_javascript=True)


@contextmanager
def messages() -> Iterator[None]:
    """Show what Earmark raises on purpose as a message in the page, and end the page there."""
    try:
        yield
    except EarmarkError as problem:
        st.error(plain(str(problem)), icon=":material/error:")
        st.stop()


def plain(text: str) -> str:
    """``text`` for a Markdown element, so that labels and file names stay data."""
    for sign in "\\`*_{}[]<>()#+-.!|~$:":
        text = text.replace(sign, "\\" + sign)
    return text


def begin_with(values: Mapping[str, Any]) -> None:
    """What keyed widgets show at first in a visit of a page; Streamlit forgets them when the page is left."""
    for key, value in values.items():
        st.session_state.setdefault(key, value)
