"""Texts without secrets: what goes into a log passes here first.

Two nets lie behind each other. What looks like a secret is taken out by its shape: a password in a URL, what stands
after ``token=``, a header that lets somebody in. And what is known to be one is taken out wherever it stands: what the
environment of this process holds under a telling name, and what the request in hand came with (`known_here`), as an
exception may repeat it bare.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_plus

GONE = "[secret]"
SHORTEST, SHORTEST_OF_ENVIRONMENT = 5, 8
"""A known secret of fewer signs is left to the first net: to take each "1" out would leave nothing to read."""
_TELLING = (
    r"(?:[\w-]*(?:passw(?:or)?d|passphrase|secret|token|signature|credential|api_?key|access_?key|private_?key|media_?key)"
    r"[\w-]*|pwd|sig|auth)"
)
_HEADERS = r"(?:authorization|proxy-authorization|set-cookie|cookie|x-earmark|x-amz-security-token)"
_QUOTED = r"(?:'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")"
_VALUE = rf"(?:{re.escape(GONE)}|{_QUOTED}|[^\s&;,'\")}}\]]+)"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # a header as a line, as a pair of texts or bytes, as JSON; all of its line, as cookies are many
    (
        re.compile(
            rf"(?i)(\b{_HEADERS}\b['\"]?\s*[:=]\s*b?)(?:{_QUOTED}|{re.escape(GONE)}(?=['\",)}}])|[^'\"\n\s][^\n'\"]*)"
        ),
        rf"\1{GONE}",
    ),
    (re.compile(rf"(?i)(['\"]{_HEADERS}['\"]\s*,\s*b?){_QUOTED}"), rf"\1{GONE}"),
    (re.compile(r"(?i)\b(bearer|basic|digest|negotiate)\s+(?!realm=)[A-Za-z0-9+/=._~-]{6,}"), rf"\1 {GONE}"),
    # user:password@ of a URL; the user may stay, as it says which account was refused
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]*):[^\s/'\"]*@", re.IGNORECASE), rf"\1:{GONE}@"),
    (re.compile(r"\bem_[A-Za-z0-9_-]{6,}"), f"em_{GONE}"),
    (re.compile(r"(?i)\b((?:earmark_[0-9a-f]{10}|_streamlit_\w+))=[^\s;,'\"]+"), rf"\1={GONE}"),
    # name=value of a query or a form, name: value, 'name': 'value', ("name", "value")
    (re.compile(rf"(?i)(\b{_TELLING}['\"]?\s*[=:]\s*b?){_VALUE}"), rf"\1{GONE}"),
    (re.compile(rf"(?i)(['\"]{_TELLING}['\"]\s*,\s*b?){_QUOTED}"), rf"\1{GONE}"),
    (re.compile(r"(?i)([?&](?:code|state|key)=)[^\s&'\"]+"), rf"\1{GONE}"),
)
_TELLING_VARIABLE = re.compile(r"(?i)(passw|secret|token|credential|_key$|api_?key|_url$)")
_here: ContextVar[frozenset[str]] = ContextVar("secrets of the request in hand", default=frozenset())


def redacted(text: str) -> str:
    """``text`` with `GONE` in the place of each secret.

    Examples
    --------
    >>> from labeling.log.redaction import redacted
    >>> redacted("cannot reach postgresql://olga:hunter2@db/birds")
    'cannot reach postgresql://olga:[secret]@db/birds'
    >>> redacted("GET /clips/7/audio?expires=1&token=0f3a")
    'GET /clips/7/audio?expires=1&token=[secret]'
    """
    for known in sorted(_here.get() | _of_environment(), key=len, reverse=True):
        if known in text:
            text = text.replace(known, GONE)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


@contextmanager
def known_here(secrets: Iterable[str]) -> Iterator[None]:
    """Within, these texts are secrets, however they are written in a URL."""
    before = _here.get()
    mark = _here.set(before | _spellings(secrets))
    try:
        yield
    finally:
        _here.reset(mark)


def keep_out(*secrets: str) -> None:
    """From now on, until the request in hand ends, these texts are secrets too."""
    _here.set(_here.get() | _spellings(secrets))


def _spellings(secrets: Iterable[str]) -> frozenset[str]:
    long = {one for one in secrets if len(one) >= SHORTEST}
    written = {way(one) for one in long for way in (quote, quote_plus, unquote_plus, _of_repr)}
    return frozenset(one for one in long | written if len(one) >= SHORTEST)


def _of_repr(text: str) -> str:
    return repr(text)[1:-1]


def _of_environment() -> frozenset[str]:
    return _secrets_of(frozenset(item for item in os.environ.items() if _TELLING_VARIABLE.search(item[0])))


@lru_cache(maxsize=8)
def _secrets_of(environment: frozenset[tuple[str, str]]) -> frozenset[str]:
    """What some variables hold: the text itself, the password of a URL, what stands in the file of ``…_FILE``."""
    return frozenset(one for one in _spellings(_values(dict(environment))) if len(one) >= SHORTEST_OF_ENVIRONMENT)


def _values(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if name.upper().endswith("_FILE"):
            try:
                yield Path(value).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):  # who reads it for its purpose says so
                continue
        elif "://" in value:
            _, _, rest = value.partition("://")
            user, _, _ = rest.rpartition("@")
            yield unquote_plus(user.partition(":")[2])
            yield user.partition(":")[2]
        elif not name.upper().endswith("_URL") and value[:1] != "/":
            yield value
