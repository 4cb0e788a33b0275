"""The server's log: ours, Streamlit's and uvicorn's lines alike (labeling/log/lines.py)."""

from __future__ import annotations

import logging
import sys
from typing import Any

from labeling.errors import ConfigError
from labeling.log import lines


def set_up() -> bool:
    """Set up the log of this process; whether it is JSON. Ends the program, with the reason on stderr, where
    ``EARMARK_LOG`` names no format."""
    try:
        wanted = lines.set_up()
    except ConfigError as problem:
        print(f"error: {problem}", file=sys.stderr)
        raise SystemExit(2) from None
    if wanted == "json":
        _streamlit_as_json()
        _uvicorn_as_json()
    return wanted == "json"


def _streamlit_as_json() -> None:
    """Streamlit gives each of its loggers a handler of its own, also those that it makes later."""
    from streamlit import logger

    made: Any = logger.setup_formatter

    def set_up_formatter(one: logging.Logger) -> None:
        made(one)
        one.streamlit_console_handler.setFormatter(lines.AsJson())  # type: ignore[attr-defined]

    module: Any = logger
    module.setup_formatter = set_up_formatter
    logger.update_formatter()


def _uvicorn_as_json() -> None:
    """uvicorn sets up its loggers when a server is made."""
    from uvicorn import config

    for formatter in config.LOGGING_CONFIG["formatters"].values():
        formatter.clear()
        formatter["()"] = _formatter
    logging.getLogger("uvicorn.access").addFilter(lambda _: False)  # pages/ui/routes/observed.py says each request
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # one was made before
        for handler in logging.getLogger(name).handlers:
            handler.setFormatter(lines.AsJson())


def _formatter(**_: Any) -> logging.Formatter:
    return lines.AsJson()
