"""``/signin`` and ``/signout``: a name and a password, where the workspace has accounts.

What the browser then keeps is a cookie that no script reads and no other website sends along. A form of another website
is turned away by its origin (pages/ui/routes/gate.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from labeling.errors import EarmarkError, NotAllowed
from labeling.log import redaction
from labeling.people import passwords, sign_ins
from pages.ui import served, signin
from pages.ui.hosts import base_path
from pages.ui.light import html

FRAME = html.Frame("./", "")
MOST_BYTES = 20_000
ELSEWHERE = "Nobody signs in with a password here."


def sign_in_routes() -> list[Route]:
    """The routes to mount in the app."""
    return [
        Route("/signin", _show, methods=["GET"]),
        Route("/signin", _with_form(_sign_in), methods=["POST"]),
        Route("/signout", _with_form(_sign_out), methods=["POST"]),
    ]


def _with_form(
    answer: Callable[[Request, dict[str, str]], Response],
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of a form; ``answer`` is called in a thread with its fields."""

    async def endpoint(request: Request) -> Response:
        raw = b""
        async for part in request.stream():
            raw += part
            if len(raw) > MOST_BYTES:
                return _page("", "", "This is too long for a name and a password.", 413)
        fields = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True)
        try:
            return await run_in_threadpool(answer, request, {name: values[0] for name, values in fields.items()})
        except EarmarkError as problem:
            return _page("", "", f"{problem}.", 503)

    return endpoint


async def _show(request: Request) -> Response:
    wanted = request.query_params.get("next", "")

    def answer() -> Response:
        if signin.way() != "accounts":
            return html.message(FRAME, ELSEWHERE, 404)
        if signin.of_request(request) is not None:
            return _to(wanted)
        return _page(wanted, "", "", 200)

    try:
        return await run_in_threadpool(answer)
    except EarmarkError as problem:
        return html.message(FRAME, f"{problem}.", 503)


def _sign_in(request: Request, fields: dict[str, str]) -> Response:
    wanted, name = fields.get("next", ""), fields.get("name", "")
    redaction.keep_out(fields.get("password", ""))
    if signin.way() != "accounts":
        return html.message(FRAME, ELSEWHERE, 404)
    address = request.client.host if request.client else ""
    try:
        secret = passwords.sign_in(served.workspace(), name, fields.get("password", ""), address)
    except passwords.TooManyTries as refused:
        return _page(wanted, name, f"{_sentence(refused)}.", 429)
    except NotAllowed as refused:
        return _page(wanted, name, f"{_sentence(refused)}.", 403)
    answer = _to(wanted)
    answer.set_cookie(
        signin.account_cookie(),
        secret,
        max_age=int(sign_ins.LIFE.total_seconds()),
        path=base_path() or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


def _sign_out(request: Request, _: dict[str, str]) -> Response:
    signin.end(request.cookies)
    answer = _to("")
    answer.delete_cookie(signin.account_cookie(), path=base_path() or "/")
    return answer


def _sentence(problem: Exception) -> str:
    text = str(problem)
    return text[:1].upper() + text[1:]


def _to(wanted: str) -> Response:
    """On to the page that was wanted, where it is one of this app's."""
    try:
        parts = urlsplit(wanted)
        is_ours = wanted.startswith("/") and not parts.scheme and not parts.netloc
    except ValueError:
        is_ours = False
    is_ours = is_ours and wanted.isascii() and wanted.isprintable() and wanted[1:2] != "/" and "\\" not in wanted
    return RedirectResponse(wanted if is_ours else f"{base_path()}/", 303, {"cache-control": "no-store"})


def _page(wanted: str, name: str, problem: str, status: int) -> Response:
    said = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    focus = ("", " autofocus") if name else (" autofocus", "")
    body = (
        f'<main class="door"><h1>Earmark</h1><form method="post" action="{base_path()}/signin">'
        f'<input type="hidden" name="next" value="{escape(wanted)}">{said}'
        f'<label>Name<input name="name" value="{escape(name)}" maxlength="200" autocomplete="username" '
        f'autocapitalize="none" spellcheck="false" required{focus[0]}></label>'
        f'<label>Password<input name="password" type="password" maxlength="{passwords.MOST_SIGNS}" '
        f'autocomplete="current-password" required{focus[1]}></label>'
        '<button>Sign in</button></form><p class="hint">Accounts are kept by who runs this server.</p></main>'
    )
    return html.document(FRAME.root, "Sign in", "", body, [], status)
