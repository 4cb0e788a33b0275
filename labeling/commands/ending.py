"""What both command lines share: how a command ends, and texts from tables on a terminal."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from labeling.errors import DataError, EarmarkError
from labeling.log import lines
from labeling.storage.text import printable, user_name


def run_command(args: argparse.Namespace) -> int:
    """Run ``args.action``, where who asks may; 0 = done, 1 = a clear message on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a label still gets the rest
            stream.reconfigure(errors="backslashreplace")
    try:
        args.signed_in = _checked_person(args)
        args.action(args)
        sys.stdout.flush()
    except EarmarkError as problem:
        return _failed(str(problem))
    except KeyboardInterrupt:
        return _failed("interrupted; what was stored stays", word="")
    except BrokenPipeError:  # `… | head`: the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as problem:
        return _failed(" ".join(filter(None, (str(problem.filename or ""), problem.strerror or str(problem)))))
    return 0


def _checked_person(args: argparse.Namespace) -> str:
    """The user whose token the command was given, "" for none; raises NotAllowed for a command that they may not."""
    root = getattr(args, "workspace", None)
    if root is None:
        return ""
    from labeling.people.at_terminal import check_command

    return check_command(root, " ".join(filter(None, (args.command, getattr(args, "action_name", "")))))


def asked_by(args: argparse.Namespace) -> str:
    """In whose name a command acts: that of its token's user, else of who is at this machine."""
    return str(args.signed_in) or user_name()


@contextmanager
def ended_tidily() -> Iterator[None]:
    """SIGTERM and a closed terminal end what is inside as Ctrl-C does, so that what is temporary is taken away."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = {sign: signal.signal(sign, end) for sign in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def _failed(text: str, word: str = "error: ") -> int:
    if lines.is_json():
        lines.say_error(text)
        return 1
    print(word + "\n".join(printable(line) for line in text.split("\n")), file=sys.stderr)
    return 1


def checked_text(flag: str, text: str) -> str:
    """``text`` as it was given; raises DataError where the shell passed bytes that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"{flag} {text!r} is not valid Unicode; give it in the terminal's own encoding") from None
    return text
