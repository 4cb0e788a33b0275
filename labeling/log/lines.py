"""The log: lines for a person, or with ``EARMARK_LOG=json`` one JSON object a line for a program. Never a secret in it.

Every record is freed of secrets when it is made (labeling/log/redaction.py), whichever library makes it and whichever
handler writes it. What is in hand, a request or a job, is named in each of its lines by `in_hand`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any

from labeling.errors import ConfigError
from labeling.log.redaction import redacted

FORMAT = "EARMARK_LOG"
FORMATS = ("text", "json")
REFERENCE = "request_id"
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_OURS = ("labeling", "models", "pages", "earmark")
_CHANGED = "_earmark_redacts"
_in_hand: ContextVar[Mapping[str, Any]] = ContextVar("what is in hand", default=MappingProxyType({}))


def wanted_format() -> str:
    """How this process is to write its log; raises ConfigError for a format that is none."""
    wanted = os.environ.get(FORMAT, "").strip().lower() or "text"
    if wanted not in FORMATS:
        raise ConfigError(f"{FORMAT} is {wanted!r}; give one of {', '.join(FORMATS)}")
    return wanted


def set_up() -> str:
    """From now on, keep secrets out of this process's log, and write it to stderr as ``EARMARK_LOG`` says.

    Returns
    -------
    str
        ``text`` or ``json``. In JSON, what nobody caught is a line too.

    Raises
    ------
    ConfigError
        ``EARMARK_LOG`` is neither.
    """
    wanted = wanted_format()
    _redact_all()
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, _Console)]:
        root.removeHandler(handler)
    console = _Console()
    console.setFormatter(AsJson() if wanted == "json" else AsText())
    root.addHandler(console)
    for name in _OURS if wanted == "json" else ():  # a person is told what is odd, and has a bar for the rest
        logging.getLogger(name).setLevel(logging.INFO)
    sys.excepthook = _uncaught
    threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)
    return wanted


def is_json() -> bool:
    """Whether this process writes JSON."""
    return any(isinstance(one.formatter, AsJson) for one in logging.getLogger().handlers if isinstance(one, _Console))


def say_error(text: str) -> None:
    """An error of a command, for who reads its stderr: ``error: …``, or a line of JSON."""
    if is_json():
        logging.getLogger("earmark").error("%s", text)
    else:
        print(f"error: {redacted(text)}", file=sys.stderr)


class _Console(logging.StreamHandler[Any]):
    """The handler that `set_up` adds; stderr as it is at each line."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class AsJson(logging.Formatter):
    """A record as a line of JSON: ``time``, ``level``, ``logger``, ``message``, what is in hand, and ``facts``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "in_hand", {}),
            **_clean(getattr(record, "facts", {})),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_text or redacted("".join(traceback.format_exception(*record.exc_info)))
        return json.dumps(line, ensure_ascii=False, default=str)


class AsText(logging.Formatter):
    """A record as a line for a person, its request or job at the end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as logging calls it
        hand: Mapping[str, Any] = getattr(record, "in_hand", {})
        marks = f" [{' '.join(str(value) for value in hand.values())}]" if hand else ""
        return super().formatMessage(record) + marks


def _redact_all() -> None:
    """Let each record be made without secrets. Once a process is enough."""
    made = logging.getLogRecordFactory()
    if getattr(made, _CHANGED, False):
        return

    def make(*given: Any, **more: Any) -> logging.LogRecord:
        record = made(*given, **more)
        record.in_hand = dict(_in_hand.get())
        try:
            text = record.getMessage()
        except Exception:  # arguments that do not fit: logging itself says so, with the values in it
            text, record.args, record.exc_info = redacted(repr((record.msg, record.args))), None, record.exc_info
            record.msg = text
        if (clean := redacted(text)) != text:
            if isinstance(record.args, tuple):  # some formatters take the arguments one by one, as uvicorn's do
                record.args = tuple(redacted(one) if isinstance(one, str) else one for one in record.args)
            if record.getMessage() != clean:
                record.msg, record.args = clean, None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = redacted("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
        if record.stack_info:
            record.stack_info = redacted(record.stack_info)
        return record

    setattr(make, _CHANGED, True)
    logging.setLogRecordFactory(make)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redacted(value)
    return {name: _clean(one) for name, one in value.items()} if isinstance(value, Mapping) else value


def _uncaught(kind: type[BaseException], problem: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        sys.__excepthook__(kind, problem or kind(), trace)
        return
    found = (kind, problem or kind(), trace)
    logging.getLogger(__name__).critical("nobody caught %s", kind.__name__, exc_info=found)


# ------------------------------------------------------------------------------------------------ what is in hand


@contextmanager
def in_hand(**named: Any) -> Iterator[None]:
    """Within, each line of the log names these: ``request_id``, ``job``."""
    mark = _in_hand.set({**_in_hand.get(), **named})
    try:
        yield
    finally:
        _in_hand.reset(mark)


def name_in_log(**named: Any) -> None:
    """As `in_hand`, until this thread or task ends."""
    _in_hand.set({**_in_hand.get(), **named})


def reference() -> str:
    """The id of the request in hand, which a person is shown where something failed; "" for none."""
    return str(_in_hand.get().get(REFERENCE, ""))


def new_reference() -> str:
    """An id for a request that came without one."""
    return secrets.token_hex(8)


def as_reference(sent: str) -> str:
    """The id that a request came with, where it is well-formed (8 to 64 letters, digits, ".", "_", "-") and no secret;
    else a new one."""
    is_fit = _WELL_FORMED.fullmatch(sent) is not None and redacted(sent) == sent
    return sent if is_fit else new_reference()


def with_reference(text: str) -> str:
    """A message for a person, with the request's id where there is one."""
    return f"{text} (reference {reference()})" if reference() else text
