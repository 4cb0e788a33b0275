"""The server: the pages, and beside them the routes that give sound and pictures by URL.

Start it with ``streamlit run app.py -- --workspace W``, or with EARMARK_WORKSPACE set. It listens on 127.0.0.1 unless
told otherwise (.streamlit/config.toml), and beyond that only where people sign in (docs/security.md): with accounts, a
provider, or a proxy, which ``--trust-proxy ADDRESS --user-header NAME`` names. ``--allow FOLDER``, once or several
times, or EARMARK_ALLOW, names folders beside the workspace and the collections from which pages may read and to which
they may write.
"""

import os
import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

import pages
from labeling.collection import allowed
from labeling.operation import metrics
from pages.ui import logged, proxies, served, session
from pages.ui.light import clip, suspects
from pages.ui.light.places import places_json
from pages.ui.light.routes import light_routes
from pages.ui.light.sign_in_form import sign_in_routes
from pages.ui.listening import refuse_strangers
from pages.ui.map import routes as of_the_map
from pages.ui.map.component import MAP
from pages.ui.player.component import PLAYER
from pages.ui.routes.api import api_routes
from pages.ui.routes.assets import asset_routes
from pages.ui.routes.gate import Gate
from pages.ui.routes.health import health_routes
from pages.ui.routes.media import media_routes
from pages.ui.routes.memory import give_back, keep_few_arenas
from pages.ui.routes.observed import Figures, Observed
from pages.ui.routes.patience import be_impatient, open_more_files
from pages.ui.routes.promptness import be_prompt
from pages.ui.routes.turns import Turns
from pages.ui.rows.cells_json import decide_cells
from pages.ui.rows.component import ROWS
from pages.ui.rows.rows_json import queue_json
from pages.ui.wall.component import WALL


def _values(arguments: list[str], *flags: str) -> list[str]:
    """What is given after a flag, each time it is given: ``--flag X`` or ``--flag=X``."""
    found = []
    for index, word in enumerate(arguments):
        if word in flags and index + 1 < len(arguments):
            found.append(arguments[index + 1])
        if word.startswith("--") and word.partition("=")[0] in flags and "=" in word:
            found.append(word.partition("=")[2])
    return found


REGISTRY = metrics.registry_of(served.workspace)


def every_route() -> list[Route]:
    """What this app answers beside its pages. What each needs is said in labeling/people/roles.py."""
    return [
        *asset_routes(),
        *session.routes(media_routes),
        *api_routes(
            served.workspace,
            session.server_secret,
            {"/api/list": places_json, "/api/queue": queue_json, **of_the_map.GETS},
            {"/api/cells": decide_cells, **of_the_map.POSTS},
        ),
        *light_routes(served.workspace, session.server_secret),
        *sign_in_routes(),
        *health_routes(served.workspace, REGISTRY),
    ]


says_each = logged.set_up()
for chosen in _values(sys.argv, "--workspace", "-w")[:1]:
    os.environ[served.WORKSPACE] = chosen
for variable, flag in ((proxies.TRUSTED, "--trust-proxy"), (proxies.HEADER, "--user-header")):
    if given := _values(sys.argv, flag):
        os.environ[variable] = ",".join(given)
allowed.allow(_values(sys.argv, "--allow"))

refuse_strangers()
proxies.know_peers()
keep_few_arenas()
give_back()
session.warm_up(
    PLAYER.script_asset, ROWS.script_asset, WALL.script_asset, MAP.script_asset, clip.script_asset,
    suspects.script_asset,
)  # fmt: skip
be_impatient()
be_prompt()
open_more_files()
routes = every_route()
app = st.App(
    str(Path(pages.__file__).with_name("navigation.py")),
    routes=routes,
    middleware=[
        Middleware(Observed, figures=Figures(REGISTRY), routes=routes, says_each=says_each),
        Middleware(Gate),
        Middleware(Turns),
    ],
)
