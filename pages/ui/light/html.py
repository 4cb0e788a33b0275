"""What the light pages have in common, as HTML: the bar above, and below it a component with what it is given.

What comes from a collection is escaped, and a policy lets no other script run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

import streamlit as st
from starlette.responses import HTMLResponse

from pages.ui import session
from pages.ui.shared.assets import Asset
from pages.ui.shared.scripts import UI, join_scripts

NAME_ENTRY = "light/name.js"
STYLE = "light/light.css"
COLOURS = ("textColor", "backgroundColor", "secondaryBackgroundColor", "primaryColor", "borderColor", "linkColor")
#: the theme before anything is drawn: as chosen in the app, else as the system has it
THEME = """{
const paths = ["review", "queue", "."].map((page) => new URL(page, document.baseURI).pathname);
const name = paths.map((path) => localStorage.getItem(`stActiveTheme-${path}-v2`) ?? "").join();
const [chosen] = /dark|light/i.exec(name) ?? [];
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const theme = chosen?.toLowerCase() ?? (dark ? "dark" : "light");
Object.assign(document.documentElement.dataset, { theme }, chosen && { chosen });
}"""


@dataclass(frozen=True)
class Frame:
    """Where a page lies, and what its bar leads to.

    ``root`` leads from the page's folder to the app's root, below which the addresses are: of the same place
    ``in_the_app``, and of the ``queue``, "" on that page itself. ``reviewer`` is shown, and can be changed where nobody
    signs in (``may_rename``), and signed out where they do so here (``may_leave``).
    """

    root: str
    in_the_app: str
    queue: str = ""
    reviewer: str = ""
    may_rename: bool = False
    may_leave: bool = False


@dataclass(frozen=True)
class Part:
    """A component on a page: its script and its style sheet, and the script that stands around it. ``early`` is run
    before anything is drawn, while those are fetched."""

    mount: Asset
    style: str
    host: Asset
    early: str = ""


def page(frame: Frame, title: str, part: Part, given: Mapping[str, Any], above: str = "") -> HTMLResponse:
    """The page of a component. ``above`` it stands HTML."""
    start = f'import mount from "./{part.mount.path}";\nimport host from "./{part.host.path}";\nhost(mount);\n'
    head = (
        f'<link rel="modulepreload" href="{part.mount.path}"><link rel="modulepreload" href="{part.host.path}">'
        f'<script type="application/json" id="given">{_data(given)}</script>'
        + (f"<script>{part.early}</script>" if part.early else "")
        + f'<script type="module">{start}</script>'
    )
    body = (
        f'<main>{above}<div id="part"><template shadowrootmode="open">'
        f"<style>{part.style}</style><div></div></template></div></main>"
    )
    return document(frame.root, title, head, _bar(frame) + body, [part.early, start])


def message(
    frame: Frame, text: str, status: int, *, asks_name: bool = False, links: Iterable[tuple[str, str]] = ()
) -> HTMLResponse:
    """A page that says why nothing else is shown, with ``links`` (address, text) to where it can be helped; with
    ``asks_name`` the reviewer can say who they are."""
    script = _name_script() if asks_name else ""
    head = f'<script type="module">{script}</script>' if script else ""
    way = "".join(f'<a href="{escape(address)}">{escape(name)}</a>' for address, name in links)
    body = f'<main><p role="alert">{escape(text)}</p>' + (f'<p class="end">{way}</p>' if way else "") + "</main>"
    return document(frame.root, "", head, _bar(frame) + body, [script], status)


def _bar(frame: Frame) -> str:
    who = f"<span>{escape(frame.reviewer)}</span>"
    if frame.may_leave:
        who += '<form method="post" action="signout"><button>Sign out</button></form>'
    if frame.may_rename:
        who = (
            '<form id="who"><label>Reviewer <input name="reviewer" autocomplete="off" '
            f'maxlength="{session.MOST_SIGNS}" value="{escape(frame.reviewer)}"></label><button>Change</button></form>'
        )
    links = f'<a id="app" href="{escape(frame.in_the_app)}">Open in the app</a>'
    if frame.queue:
        links += f'<a id="queue" href="{escape(frame.queue)}">Queue</a>'
    return f'<header class="bar"><a href="." class="home">Earmark</a><nav>{links}</nav>{who}</header>'


def document(root: str, title: str, head: str, body: str, scripts: Iterable[str], status: int = 200) -> HTMLResponse:
    """A page with a title, and ``scripts`` alone that may run of those that stand in it; ``root`` is as a frame's."""
    allowed = " ".join(f"'sha256-{_hash(script)}'" for script in (THEME, *scripts) if script)
    policy = (
        f"default-src 'none'; script-src 'self' {allowed}; style-src 'unsafe-inline'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; connect-src 'self' blob:; worker-src blob:; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'self'"
    )
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><base href="{root}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(" · ".join(filter(None, (title, "Earmark"))))}</title><link rel="icon" href="data:,">'
        f"<script>{THEME}</script>{head}<style>{_style()}</style></head><body>{body}</body></html>"
    )
    headers = {
        "content-security-policy": policy, "cache-control": "no-store", "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
    }  # fmt: skip
    return HTMLResponse(text, status, headers)


def _data(value: Any) -> str:
    """JSON in which nothing ends a script."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))  # ASCII: no sign that ends a line is left either
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _name_script() -> str:
    """The script by which one gives one's name, where the page holds nothing else."""
    return join_scripts(NAME_ENTRY)


@cache
def _style() -> str:
    """The page's own style sheet, with the colours of the app's theme."""
    return "".join(map(_theme, ("light", "dark"))) + (UI / STYLE).read_text(encoding="utf-8")


def _theme(name: str) -> str:
    given = {colour: str(st.get_option(f"theme.{name}.{colour}") or "") for colour in COLOURS}
    rules = [
        f"--st-{re.sub('([A-Z])', lambda sign: '-' + sign[0].lower(), colour)}:{value}"
        for colour, value in given.items()
        if re.fullmatch(r"[#\w(),.% -]+", value)
    ]
    return f':root[data-theme="{name}"]{{color-scheme:{name};{";".join(rules)}}}'
