"""The server: the pages, and beside them the routes that give sound and pictures by URL.

Start it with ``streamlit run app.py -- --workspace W``, or with EARMARK_WORKSPACE set. It listens on 127.0.0.1 unless
told otherwise (.streamlit/config.toml). ``--allow FOLDER``, once or several times, or EARMARK_ALLOW, names folders
beside the workspace and the collections from which pages may read and to which they may write.
"""

import os
import sys

import streamlit as st
from starlette.middleware import Middleware

from labeling.collection import allowed
from pages.ui import session
from pages.ui.light.html import light_asset
from pages.ui.light.page import light_routes
from pages.ui.light.places import places_json
from pages.ui.player import component as player
from pages.ui.routes.api import api_routes
from pages.ui.routes.assets import asset_routes
from pages.ui.routes.gate import Gate
from pages.ui.routes.media import media_routes
from pages.ui.routes.memory import keep_few_arenas
from pages.ui.routes.patience import be_impatient, open_more_files
from pages.ui.routes.promptness import be_prompt
from pages.ui.wall import component as wall


def _values(arguments: list[str], *flags: str) -> list[str]:
    """What is given after a flag, each time it is given: ``--flag X`` or ``--flag=X``."""
    found = []
    for index, word in enumerate(arguments):
        if word in flags and index + 1 < len(arguments):
            found.append(arguments[index + 1])
        if word.startswith("--") and word.partition("=")[0] in flags and "=" in word:
            found.append(word.partition("=")[2])
    return found


for chosen in _values(sys.argv, "--workspace", "-w")[:1]:
    os.environ[session.WORKSPACE] = chosen
allowed.allow(_values(sys.argv, "--allow"))

keep_few_arenas()
session.warm_up(player.script_asset, wall.script_asset, light_asset)
be_impatient()
be_prompt()
open_more_files()
app = st.App(
    "pages/navigation.py",
    routes=[
        *asset_routes(),
        *session.routes(media_routes),
        *api_routes(session.workspace, session.server_secret, {"/api/list": places_json}),
        *light_routes(session.workspace, session.server_secret),
    ],
    middleware=[Middleware(Gate)],
)
