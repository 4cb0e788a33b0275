"""The light page as HTML. What comes from a collection is escaped, and a policy lets no other script run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from html import escape
from typing import Any

import streamlit as st
from starlette.responses import HTMLResponse

from pages.ui import session
from pages.ui.player import component as player
from pages.ui.shared import assets, shapes
from pages.ui.shared.scripts import UI, join_scripts

ENTRY, EARLY = "light/light.js", "light/early.js"
STYLE = "light/light.css"
COLOURS = ("textColor", "backgroundColor", "secondaryBackgroundColor", "primaryColor", "borderColor", "linkColor")
#: the theme before anything is drawn: as chosen in the app, else as the system has it
THEME = """{
const name = ["/review", "/queue", "/"].map((path) => localStorage.getItem(`stActiveTheme-${path}-v2`) ?? "").join();
const [chosen] = /dark|light/i.exec(name) ?? [];
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const theme = chosen?.toLowerCase() ?? (dark ? "dark" : "light");
Object.assign(document.documentElement.dataset, { theme }, chosen && { chosen });
}"""


def light_asset() -> assets.Asset:
    """The script that stands around the player, as the browser fetches it."""
    return assets.publish("light.js", join_scripts(ENTRY))


def page(given: shapes.Light, in_the_app: str, reviewer: str, *, may_rename: bool) -> HTMLResponse:
    """The page of a clip. ``reviewer`` is shown, and can be changed where nobody signs in."""
    clip = given["visit"].get("clip")
    title = clip["title"] if clip else f"clip {given['visit']['items'][0]}"
    host, mount = light_asset(), player.script_asset()
    start = f'import mount from "./{mount.path}";\nimport host from "./{host.path}";\nhost(mount);\n'
    head = (
        f'<link rel="modulepreload" href="{mount.path}"><link rel="modulepreload" href="{host.path}">'
        f'<script type="application/json" id="given">{_data(given)}</script>'
        f'<script type="module" async>{_early()}</script>'
        f'<script type="module">{start}</script>'
    )
    body = (
        '<main><div id="player"><template shadowrootmode="open">'
        f"<style>{_player_style()}</style><div></div></template></div></main>"
    )
    return _document(title, head, _bar(in_the_app, reviewer, may_rename) + body, [_early(), start])


def message(text: str, in_the_app: str, status: int, *, asks_name: bool = False) -> HTMLResponse:
    """A page that says why no clip is shown; with ``asks_name`` the reviewer can say who they are."""
    bar = _bar(in_the_app, "", asks_name)
    start = f'import host from "./{light_asset().path}";\nhost(null);\n'
    head = f'<script type="module">{start}</script>' if asks_name else ""
    return _document("Earmark", head, f'{bar}<main><p role="alert">{escape(text)}</p></main>', [start], status)


def _bar(in_the_app: str, reviewer: str, may_rename: bool) -> str:
    who = f"<span>{escape(reviewer)}</span>"
    if may_rename:
        who = (
            '<form id="who"><label>Reviewer <input name="reviewer" autocomplete="off" '
            f'maxlength="{session.MOST_SIGNS}" value="{escape(reviewer)}"></label><button>Change</button></form>'
        )
    link = escape(in_the_app or "queue")
    return (
        '<header class="bar"><a href="." class="home">Earmark</a><nav>'
        f'<a id="app" href="{link}">Open in the app</a><a href="queue" id="queue">Queue</a></nav>{who}</header>'
    )


def _document(title: str, head: str, body: str, scripts: list[str], status: int = 200) -> HTMLResponse:
    allowed = " ".join(f"'sha256-{_hash(script)}'" for script in (THEME, *scripts))
    policy = (
        f"default-src 'none'; script-src 'self' {allowed}; style-src 'unsafe-inline'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; connect-src 'self' blob:; worker-src blob:; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'self'"
    )
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><base href="../">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} · Earmark</title><link rel="icon" href="data:,">'
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
def _early() -> str:
    return join_scripts(EARLY)


@cache
def _player_style() -> str:
    return player.read_style()


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
