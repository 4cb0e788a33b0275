"""The services of compose.yaml as processes, without Docker: the app and a worker from what the commands of the
Dockerfile install, run as its user in a place that cannot be written, behind Caddy.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import psycopg

from labeling.people import tokens, users
from labeling.workspace import Workspace
from tests.support import ROOT
from tests.support.browser.server import free_port

BIN = Path(sys.executable).parent
PASSWORD, OF_DATABASE = "correct horse staple", "of-the-database-0"
USER = 10001


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile with its words."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in text.splitlines() if line.strip()]


@dataclass(frozen=True)
class Server:
    """The services, as they run."""

    host: str
    port: int
    app_port: int
    token: str
    root: Path
    folder: Path
    installed: Callable[..., list[str]]
    environment: Mapping[str, str]
    processes: Mapping[str, subprocess.Popen[bytes]]

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: str = "") -> Any:
        """Through Caddy, as a browser does; no certificate is believed but its own."""
        trusted = ssl.create_default_context(cafile=str(self.certificate))
        connection = HTTPSConnection(self.host, self.port, timeout=60, context=trusted)
        with closing(connection):
            connection.request(method, path, body or None, dict(headers or {}))
            answer = connection.getresponse()
            answer.text = answer.read().decode("utf-8", "replace")  # type: ignore[attr-defined]
            return answer

    @property
    def certificate(self) -> Path:
        """Of Caddy's own authority."""
        return self.folder / "data/caddy/pki/authorities/local/root.crt"

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")


def as_in_a_container(command: list[str], writable: list[Path]) -> list[str]:
    """The command as user 10001 in a place where nothing but some folders can be written; as it is, where that needs
    rights that this test has not."""
    if os.geteuid() or not shutil.which("unshare") or not shutil.which("setpriv"):
        return command
    kept = " && ".join(f"mount --bind {shlex.quote(str(one))} {shlex.quote(str(one))}" for one in writable)
    shut = f"{kept} && mount -o remount,bind,ro /"
    user = ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--no-new-privs"]
    # Python itself may lie in a home that others cannot look into
    user += [
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=-all,+dac_read_search",
        "--bounding-set=-all,+dac_read_search",
    ]
    return ["unshare", "--mount", "--propagation=private", "sh", "-ec", f'{shut} && exec "$@"', "sh", *user, *command]


@contextmanager
def stack(url: str) -> Iterator[Server]:
    """The app, a worker and Caddy on the empty PostgreSQL database ``url``, whose owner may do all."""
    with ExitStack() as ended:
        folder = Path(ended.enter_context(tempfile.TemporaryDirectory(prefix="earmark-image-")))
        folder.chmod(0o755)
        root, scratch, data = folder / "workspace", folder / "tmp", folder / "data"
        for one in (root, scratch, data):
            one.mkdir()
            if not os.geteuid():
                os.chown(one, USER, USER)
        earmark, environment = install(folder), {**of_image(), "TMPDIR": str(scratch), **with_database(url, folder)}

        processes: dict[str, subprocess.Popen[bytes]] = {}

        def installed(*words: str) -> list[str]:
            return as_in_a_container([str(earmark), *words], [root, scratch])

        def start(name: str, command: list[str], env: Mapping[str, str], alive: str = "") -> None:
            log = ended.enter_context(open(folder / f"{name}.log", "wb"))
            process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(env), cwd=root, start_new_session=True)
            ended.callback(end, process)
            processes[name] = process
            deadline = time.monotonic() + 180
            while alive:
                try:
                    urllib.request.urlopen(alive, timeout=10).close()
                    return
                except OSError:
                    assert process.poll() is None, Path(log.name).read_text()
                    assert time.monotonic() < deadline, Path(log.name).read_text()
                    time.sleep(0.1)

        where, app_port, port, health = f"--workspace={root}", free_port(), free_port(), free_port()
        once = partial(subprocess.run, env=environment, cwd=root, capture_output=True, text=True, timeout=180)
        listen = installed("app", where, "--address=0.0.0.0", f"--port={app_port}", "--host=localhost")
        refused = once(listen)  # as the steps have it: without an owner it does not begin to listen
        assert (refused.returncode, "nobody has to sign in" in refused.stderr) == (2, True), refused.stderr
        added = once(installed("users", "add", "olga", "--role=owner", where), input=f"{PASSWORD}\n")
        assert added.returncode == 0, added.stderr
        with closing(Workspace(root, url)) as workspace, workspace.write() as connection:
            users.add_user(connection, "prometheus", "viewer")
            token = tokens.make(connection, "prometheus")
        start("worker", installed("work", where), environment)
        start("app", listen, environment, f"http://127.0.0.1:{app_port}/healthz")
        start(
            "caddy",
            [str(BIN / "caddy"), "run", "--adapter", "caddyfile", "--config", str(ROOT / "deploy/Caddyfile")],
            {
                "PATH": "", "HOME": "/nonexistent", "XDG_DATA_HOME": str(data), "XDG_CONFIG_HOME": str(data),
                "EARMARK_HOST": f"localhost:{port}", "EARMARK_APP": f"127.0.0.1:{app_port}",
                "CADDY_HEALTH_PORT": str(health),
                "CADDY_OPTIONS": f"local_certs\n\tskip_install_trust\n\thttp_port {free_port()}",
            },
            f"http://127.0.0.1:{health}/alive",
        )  # fmt: skip
        server = Server("localhost", port, app_port, token, root, folder, installed, environment, processes)
        deadline = time.monotonic() + 60
        while True:  # until Caddy has made its certificates
            try:
                server.ask("GET", "/healthz")
                break
            except OSError:
                assert time.monotonic() < deadline, server.log("caddy")
                time.sleep(0.1)
        yield server


def install(folder: Path) -> Path:
    """The command that the image's stages put into it; what it needs is taken from where this test runs."""
    uv, image = str(BIN / "uv"), folder / "earmark"
    build = [uv, "build", "--wheel", "--no-build-isolation", "--quiet", "--out-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, env=os.environ | {"VIRTUAL_ENV": str(BIN.parent)})
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(image)], check=True)
    (wheel,) = folder.glob("*.whl")
    into = ["--python", str(image / "bin/python"), str(wheel)]
    subprocess.run([uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--compile-bytecode", *into], check=True)
    packages = next((image / "lib").iterdir()) / "site-packages"
    (packages / "needed.pth").write_text(next(path for path in sys.path if path.endswith("site-packages")))
    return image / "bin/earmark"


def of_image() -> dict[str, str]:
    """The environment that the Dockerfile sets, and nothing of this process' but how its arithmetic is done."""
    (words,) = (words for name, words in instructions() if name == "ENV" and "EARMARK_LOG" in words)
    found = {name: text for name, text in re.findall(r"(\w+)=(\S+)", words) if not text.startswith("/")}
    found |= {name: text for name, text in os.environ.items() if name.startswith("OPENBLAS")}
    return {**found, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "OMP_NUM_THREADS": "1"}


def with_database(url: str, folder: Path) -> dict[str, str]:
    """What compose.yaml tells the app of its database, once that has the user ``earmark``."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE earmark LOGIN PASSWORD '{OF_DATABASE}'")
        connection.execute("ALTER DATABASE deployed OWNER TO earmark")
    (folder / "database_password").write_text(f"{OF_DATABASE}\n")
    return {
        "EARMARK_DATABASE_URL": f"postgresql+psycopg://earmark@/deployed?host={url.partition('host=')[2]}",
        "EARMARK_DATABASE_PASSWORD_FILE": str(folder / "database_password"),
        "FORWARDED_ALLOW_IPS": "127.0.0.1",
    }


def end(process: subprocess.Popen[bytes]) -> None:
    """As `docker stop` does: a signal to the first process alone, and none is left after it."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=60)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
