"""The server: the pages, and beside them the routes that give sound and pictures by URL.

Start it with ``streamlit run app.py -- --workspace W``, or with EARMARK_WORKSPACE set. It listens on 127.0.0.1 unless
told otherwise (.streamlit/config.toml).
"""

import os
import sys

import streamlit as st
from starlette.middleware import Middleware

from pages.ui import session
from pages.ui.routes.api import api_routes
from pages.ui.routes.gate import Gate
from pages.ui.routes.media import media_routes
from pages.ui.routes.patience import be_impatient, open_more_files


def _workspace_from_arguments(arguments: list[str]) -> str | None:
    for index, word in enumerate(arguments):
        if word in ("--workspace", "-w") and index + 1 < len(arguments):
            return arguments[index + 1]
        if word.startswith("--workspace="):
            return word.partition("=")[2]
    return None


if chosen := _workspace_from_arguments(sys.argv):
    os.environ[session.WORKSPACE] = chosen

session.warm_up()
be_impatient()
open_more_files()
app = st.App(
    "pages/navigation.py",
    routes=[*session.routes(media_routes), *api_routes(session.workspace, session.server_secret)],
    middleware=[Middleware(Gate)],
)
