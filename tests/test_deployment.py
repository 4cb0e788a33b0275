"""Dockerfile, compose.yaml and deploy/Caddyfile: what they say is sound, and what they start holds together.

No Docker is needed: the image's commands run in an environment of their own, as its user, with a root that cannot be
written; PostgreSQL, the app, a worker and Caddy as the real programs, each as compose.yaml has it.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from earmark import reachable
from tests.support import ROOT
from tests.support.app.stack import BIN, OF_DATABASE, PASSWORD, Server, as_in_a_container, instructions, stack

PLANTED = "pl4nted-s3cret-value"


# ------------------------------------------------------------------------------------------------ what they say


def test_an_image_runs_as_nobody_special_and_says_how_it_does() -> None:
    told = instructions()
    stages = [re.split(r" as ", words, flags=re.IGNORECASE) for name, words in told if name == "FROM"]
    assert {"cpu", "cuda"} <= {stage[1] for stage in stages}
    assert stages[-1][1] == "cpu", "what is built where no target is named"
    made = {stage[1] for stage in stages}
    assert all(base in made or re.search(r":(?!latest)\S+", base) for base, _ in stages), "each base has a tag"
    last = max(index for index, (name, _) in enumerate(told) if name == "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", told[last][1]), (
        "by number, so that Kubernetes can tell that it is not root"
    )
    assert "RUN" not in [name for name, _ in told[last:]]
    names = {name for name, _ in told}
    assert {"HEALTHCHECK", "ENTRYPOINT", "STOPSIGNAL", "VOLUME"} <= names
    assert "ADD" not in names
    kept = " ".join(words for name, words in told if name in ("ARG", "ENV"))
    assert not re.search(r"(?i)passw|secret|token|_key", kept), "what is built in, whoever has the image can read"


def test_all_that_is_copied_is_let_through_to_the_builder_and_no_secret_is() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    def passes(path: str) -> bool:
        kept = False
        for line in (line for line in ignored if line and not line.startswith("#")):
            pattern = line.lstrip("!").removeprefix("**/")
            deep = "**/" in line and fnmatch.fnmatch(path.rpartition("/")[2], pattern)
            if deep or path == pattern or path.startswith(f"{pattern}/") or pattern == "*":
                kept = line.startswith("!")
        return kept

    copied = [words.split()[:-1] for name, words in instructions() if name == "COPY" and not words.startswith("--")]
    for source in (one for words in copied for one in words):
        assert (ROOT / source).exists(), source
        assert passes(source), source
    for secret in (".env", "secrets/database_password", ".streamlit/secrets.toml", "demo/earmark.db", "labeling/x.db"):
        assert not passes(secret), secret
    assert {f"/{name}" for name in ("secrets/", ".env")} <= set((ROOT / ".gitignore").read_text().splitlines())


def composed(*more: str) -> Mapping[str, Any]:
    """What Docker Compose itself makes of the files."""
    files = [word for name in ("compose.yaml", *more) for word in ("--file", str(ROOT / name))]
    settings = ["--env-file", str(ROOT / "deploy/example.env")]
    done = subprocess.run(
        [str(BIN / "docker-compose"), *files, *settings, "config", "--format=json"],
        capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"], "HOME": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "level=warning" not in done.stderr, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_each_service_is_bounded_shut_off_and_watched() -> None:
    services = composed()["services"]
    assert services.keys() == {"app", "worker", "database", "minio", "bucket", "caddy"}
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert re.search(r":(?!latest$)[\w.-]+$", service["image"]), name
        assert name == "bucket" or (service["restart"] == "unless-stopped"), name
        assert name in ("bucket", "app") or service["healthcheck"]["test"][0] == "CMD", name
        said = json.dumps(service.get("environment", {}))
        assert not re.search(r"(?i)(password|secret)[^\"]*\": \"(?!/run/secrets/)", said), f"{name}: a secret is a file"
    assert [name for name, service in services.items() if service.get("ports")] == ["caddy"]
    assert [name for name, service in services.items() if "outside" not in service["networks"]] == [
        "bucket", "database", "minio",
    ]  # fmt: skip
    assert services["caddy"]["depends_on"]["app"]["condition"] == "service_healthy"
    assert services["app"]["depends_on"]["database"]["condition"] == "service_healthy"
    proxy = services["caddy"]["networks"]["outside"]["ipv4_address"]
    assert services["app"]["environment"]["FORWARDED_ALLOW_IPS"] == proxy, "of Caddy's headers alone"


def test_the_worker_gets_the_gpu_where_there_is_one() -> None:
    worker = composed("compose.gpu.yaml")["services"]["worker"]
    assert worker["build"]["target"] == "cuda"
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_caddy_takes_its_file() -> None:
    for host in ("localhost", "birds.example.org"):
        done = subprocess.run(
            [str(BIN / "caddy"), "validate", "--adapter", "caddyfile", "--config", str(ROOT / "deploy/Caddyfile")],
            capture_output=True, text=True, check=False, env={"PATH": "", "HOME": "/nonexistent", "EARMARK_HOST": host},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "not formatted" not in done.stderr


# ------------------------------------------------------------------------------------------------ what they start


@pytest.fixture(scope="module")
def server(postgres_server: Callable[[str], str]) -> Iterator[Server]:
    with stack(postgres_server("deployed")) as running:
        yield running


@pytest.mark.postgres
def test_people_come_in_over_tls_and_only_what_is_for_them_is_outside(server: Server) -> None:
    alive = server.ask("GET", "/healthz")
    assert json.loads(alive.text) == {"status": "alive", "scheme": "https", "forwarded": False}
    assert "max-age" in alive.getheader("strict-transport-security")
    assert alive.getheader("server") is None
    for path in ("/metrics", "/readyz"):
        assert server.ask("GET", path, {"authorization": f"Bearer {server.token}"}).status == 404, path
    away = server.ask("GET", "/", {"accept": "text/html"})
    assert (away.status, away.getheader("location")) == (303, "/signin?next=%2F")
    form = {"content-type": "application/x-www-form-urlencoded", "origin": f"https://localhost:{server.port}"}
    into = server.ask("POST", "/signin", form, urlencode({"name": "olga", "password": PASSWORD, "next": "/"}))
    assert into.status == 303, into.text
    cookie = into.getheader("set-cookie")
    assert "secure" in cookie.lower(), "the app knows that it is behind TLS"
    page = server.ask("GET", "/", {"accept": "text/html", "cookie": cookie.partition(";")[0]})
    assert (page.status, "<title>" in page.text) == (200, True)


@pytest.mark.postgres
def test_the_doctor_finds_nothing_wrong_with_the_address(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"https://localhost:{server.port}"
    said = [found[1] for found in reachable.look(url) if found[0] == "bad"]
    assert ["its certificate is not believed" in one for one in said] == [True], "it is of a name that nobody knows"
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    found = list(reachable.look(url))
    assert [one[0] for one in found] == ["good", "odd", "good"], found
    assert "the certificate holds for 0 more days" in found[1][1], "Caddy's own are made anew each half day"


@pytest.mark.postgres
def test_from_inside_it_is_watched(server: Server) -> None:
    inside = f"http://127.0.0.1:{server.app_port}"
    (check,) = (words for name, words in instructions() if name == "HEALTHCHECK")
    code = json.loads(check[check.index("[") :])[2].replace("8501", str(server.app_port))
    subprocess.run([sys.executable, "-c", code], check=True)
    asked = urllib.request.Request(f"{inside}/metrics", headers={"Authorization": f"Bearer {server.token}"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        figures = answer.read().decode()
    assert 'earmark_ready{check="database"} 1.0' in figures
    deadline = time.monotonic() + 120
    while True:  # the worker takes a while to load
        done = subprocess.run(
            server.installed("ready", f"--workspace={server.root}", "--worker"), env=server.environment,
            cwd=server.root, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            break
        assert time.monotonic() < deadline, (done.stderr, server.log("worker"))


@pytest.mark.postgres
def test_no_secret_of_a_request_is_in_any_log(server: Server) -> None:
    reference = "from-outside-0001"
    headers = {
        "cookie": f"earmark_0123456789={PLANTED}1; _streamlit_user={PLANTED}2; theme={PLANTED}3",
        "authorization": f"Bearer em_{PLANTED}4", "x-earmark": f"1.cml0YQ==.{PLANTED}5", "x-request-id": reference,
    }  # fmt: skip
    signed = f"/clips/1/audio?expires=9999999999&token={PLANTED}6"
    answers = [
        server.ask("GET", signed, headers),
        server.ask("GET", f"/oauth2callback?code={PLANTED}7&state={PLANTED}8", headers),
        server.ask("GET", "/api/progress", headers),
        server.ask("POST", "/api/decisions", headers, json.dumps({"password": f"{PLANTED}9"})),
    ]  # fmt: skip
    for origin, secret in (
        ("https://evil.example", f"{PLANTED}10"),
        (f"https://localhost:{server.port}", f"{PLANTED}11"),
    ):
        form = urlencode({"name": "olga", "password": secret})
        answers.append(server.ask("POST", "/signin", {"origin": origin}, form))
    assert all(answer.status >= 300 for answer in answers), [answer.status for answer in answers]
    made = {answer.getheader("x-request-id") for answer in answers[:4]}
    assert reference not in made, "Caddy gives a number of its own to what comes from outside"
    for name in ("app", "worker", "caddy"):
        said = server.log(name)
        assert said, name
        assert PLANTED not in said, name
        assert OF_DATABASE not in said, name
        assert PASSWORD not in said, name
    lines = [json.loads(line) for line in server.log("app").splitlines() if line.startswith("{")]
    asked = {line.get("request_id"): line for line in lines if line["logger"] == "earmark.request"}
    assert made <= asked.keys()
    assert {asked[one]["route"] for one in made} >= {"/clips/{clip_id}/audio", "/api/progress", "/api/decisions"}
    assert {line["client"] for line in asked.values()} == {"127.0.0.1"}


@pytest.mark.postgres
def test_all_of_it_ran_as_the_images_user_with_a_root_that_takes_no_file(server: Server) -> None:
    if os.geteuid():
        pytest.skip("only root can set up a root that is read-only")
    code = "import pathlib, os; print(os.getuid()); pathlib.Path('/etc/earmark').write_text('')"
    command = as_in_a_container([sys.executable, "-c", code], [server.root])  # as the app and the worker were started
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "10001\n"
    assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr
    assert {path.stat().st_uid for path in server.root.rglob("*")} == {10001}


@pytest.mark.postgres
def test_to_stop_the_first_process_is_to_stop_the_app_and_the_worker(server: Server) -> None:
    for name in ("app", "worker"):
        process = server.processes[name]
        process.terminate()
        process.wait(timeout=60)
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)  # nobody of its group is left
    assert server.log("worker").count('"level": "error"') == 0
    assert server.ask("GET", "/healthz").status == 502
