"""labeling/log/lines.py: what a line of the log holds, in either format, and what never."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from labeling.errors import ConfigError
from labeling.log import lines


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    before, factory = list(root.handlers), logging.getLogRecordFactory()
    yield
    root.handlers[:] = before
    sys.excepthook, threading.excepthook = hooks
    logging.setLogRecordFactory(factory)


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.fixture
def as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(lines.FORMAT, "json")
    assert lines.set_up() == "json"


@pytest.mark.usefixtures("as_json")
def test_a_line_is_json_with_what_is_in_hand(capsys: pytest.CaptureFixture[str]) -> None:
    with lines.in_hand(job="001-quick"):
        logging.getLogger("models.worker").info("fold %d\nof 5", 2, extra={"facts": {"fold": 2, "url": "s3://a:b@c"}})
    logging.getLogger("models.worker").info("idle")
    first, second = written(capsys)
    assert {"time", "level", "logger"} < first.keys()
    assert (first["message"], first["job"], first["fold"], first["url"]) == (
        "fold 2\nof 5", "001-quick", 2, "s3://a:[secret]@c",
    )  # fmt: skip
    assert "job" not in second


@pytest.mark.usefixtures("as_json")
def test_exceptions_arguments_and_other_libraries_leave_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    other = logging.getLogger("some.library")
    handler = logging.StreamHandler(sys.stderr)  # one of its own, with a formatter of its own
    handler.setFormatter(logging.Formatter('{"message": "%(message)s"}'))
    other.addHandler(handler)
    try:
        raise ValueError("cannot use password=hunter22 of postgresql://u:hunter22@h")
    except ValueError as problem:
        logging.getLogger("labeling").exception("failed: %s", problem)
        other.error("%s", {"token": "hunter22"}, exc_info=False)
    other.error("too %s few", "password=hunter22", "x")
    thread = threading.Thread(target=lambda: int("token=hunter22"))
    thread.start()
    thread.join()
    sys.excepthook(*_raised())
    other.removeHandler(handler)
    said = capsys.readouterr().err
    assert "hunter22" not in said
    assert said.count("[secret]") >= 8
    assert "nobody caught RuntimeError" in said
    assert all(json.loads(line) for line in said.splitlines())


def test_arguments_stay_apart_for_formatters_that_take_them_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    from uvicorn.logging import AccessFormatter

    lines.set_up()
    access, handler = logging.getLogger("test.access"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(AccessFormatter("%(request_line)s", use_colors=False))
    access.handlers[:], access.propagate = [handler], False
    access.warning('%s - "%s %s HTTP/%s" %d', "127.0.0.1:5", "GET", "/clips/1/audio?token=hunter22", "1.1", 200)
    assert capsys.readouterr().err == "GET /clips/1/audio?token=[secret] HTTP/1.1\n"


def _raised() -> tuple[type[BaseException], BaseException, None]:
    return RuntimeError, RuntimeError("Authorization: Bearer hunter22"), None


def test_text_is_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines.set_up() == "text"
    with lines.in_hand(request_id="abcdef12"):
        logging.getLogger("pages").warning("refused: token=hunter22")
    assert capsys.readouterr().err.endswith(" WARNING pages: refused: token=[secret] [abcdef12]\n")
    lines.say_error("no password=hunter22")
    assert capsys.readouterr().err == "error: no password=[secret]\n"


def test_a_format_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(lines.FORMAT, "xml")
    with pytest.raises(ConfigError, match="EARMARK_LOG is 'xml'; give one of text, json"):
        lines.set_up()


@pytest.mark.parametrize(
    "sent", ["", "short", "a" * 65, "has space in", "x\r\nset-cookie: a", "<script>1", "em_0123456789"]
)
def test_an_id_that_is_not_well_formed_or_a_secret_is_not_taken(sent: str) -> None:
    made = lines.as_reference(sent)
    assert made != sent
    assert lines.as_reference(made) == made
    assert lines.as_reference("018f6f9e-7d0a-7b0a-8000-000000000001") == "018f6f9e-7d0a-7b0a-8000-000000000001"
