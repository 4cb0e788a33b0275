"""Who is reached by a URL, and what a server's answers become."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.errors import RemoteError
from labeling.sound import decoding, ranges
from labeling.storage import remote
from tests.support.servers.faults import Faults
from tests.support.servers.files import files_server


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSE_S", 0.01)
    monkeypatch.setattr(ranges, "_states", {})


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "local:///etc/passwd", "zip://a.wav::http://x.org/a.zip", "simplecache::s3://b/a", "x://a"],
)
def test_files_of_this_machine_and_chains_are_no_urls(url: str) -> None:
    with pytest.raises(RemoteError, match="are not read; give a folder, or one of s3"):
        remote.state(url)


@pytest.mark.parametrize("url", ["https://ann:pa55@x.org/a.wav", "s3://AKIA5:pa55@bucket/a.wav"])
def test_a_url_with_a_password_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(RemoteError, match=r"must not hold a name or password; .* environment") as caught:
        remote.state(url)
    assert "pa55" not in str(caught.value)


def test_what_may_be_secret_is_not_told() -> None:
    assert remote.told("https://x.org/a.wav?X-Amz-Signature=5ec#part") == "https://x.org/a.wav?…"
    assert remote.told("https://a:b@c@x.org/a.wav") == "https://x.org/a.wav"


def test_the_owner_names_folders_and_urls_with_ports() -> None:
    text = "/data:http://127.0.0.1:8000/birds:/more:s3://bucket/a:https://[::1]:9/x:https://x.org:~/own"
    assert remote.named(text) == (
        "/data", "http://127.0.0.1:8000/birds", "/more", "s3://bucket/a", "https://[::1]:9/x", "https://x.org", "~/own",
    )  # fmt: skip


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_private_addresses_are_reached_only_where_they_are_named(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with files_server(tmp_path) as port:
        url = f"http://{host}:{port}/a.wav"
        with pytest.raises(RemoteError, match=rf"private network; .* {remote.ALLOW}=http://.*:{port}") as caught:
            remote.state(url)
        assert caught.value.kind == "denied"
        monkeypatch.setenv(remote.ALLOW, f"http://127.0.0.1:{port + 1}")  # another server of this machine
        with pytest.raises(RemoteError, match="private network"):
            remote.state(url)
        monkeypatch.setenv(remote.ALLOW, f"http://{host}:{port}/")
        assert remote.state(url).size == 4


def test_a_host_that_sends_on_to_another_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFFsecret")
    with files_server(tmp_path) as inner:
        away = {"/away.wav": f"http://127.0.0.1:{inner}/a.wav", "/near.wav": "/a.wav"}
        with files_server(tmp_path, redirects=away) as outer:
            monkeypatch.setenv(remote.ALLOW, f"http://127.0.0.1:{outer}")
            with pytest.raises(RemoteError, match="sends us on to another host"):
                remote.state(f"http://127.0.0.1:{outer}/away.wav")
            near = remote.state(f"http://127.0.0.1:{outer}/near.wav")
            assert remote.read(near, 4, 10) == b"secret"


def test_nobody_there_is_told_in_words() -> None:
    with pytest.raises(RemoteError, match=r"x.invalid/a.wav\?… cannot be fetched") as caught:
        remote.state("https://x.invalid/a.wav?key=5ec")
    assert (caught.value.kind, "5ec" in str(caught.value)) == ("unreachable", False)


def put(name: str, data: bytes) -> str:
    system, path = remote.filesystem(f"s3://birds/{name}")
    system.pipe_file(path, data)
    return f"s3://birds/{name}"


def test_a_window_of_a_long_file_on_s3(s3: Faults, tmp_path: Path) -> None:
    import numpy as np
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 8000 * 900), 8000)
    url = put("far/a.wav", (tmp_path / "a.wav").read_bytes())
    s3.forget()
    window, _ = decoding.read_window(url, 600, 603)
    np.testing.assert_array_equal(window, decoding.read_window(str(tmp_path / "a.wav"), 600, 603)[0])
    assert s3.served < 400_000


def test_s3_answers_in_words(s3: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    url = put("a.bin", b"0123456789")
    at = remote.state(url)
    assert remote.read(at, 2, 5) == b"234"
    with pytest.raises(RemoteError) as caught:
        remote.state("s3://birds/none.bin")
    assert caught.value.kind == "missing"
    for fault, kind, words in (
        (403, "denied", "AWS_ACCESS_KEY_ID"), (503, "unreachable", "503"), ("cut", "unreachable", "cannot be fetched"),
        ("gone", "unreachable", "cannot be fetched"),
    ):  # fmt: skip
        s3.first(fault, times=99)
        with pytest.raises(RemoteError, match=words) as caught:
            remote.read(at, 0, 10)
        assert (caught.value.kind, "a-secret-of-tests" in str(caught.value)) == (kind, False)
        s3.first(fault, times=0 if fault == 403 else 2)
        assert remote.read(at, 0, 10) == b"0123456789"
    put("a.bin", b"abcdefghij")
    with pytest.raises(RemoteError) as caught:
        remote.read(at, 0, 10)
    assert caught.value.kind == "changed"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(remote, "_systems", {})
    with pytest.raises(RemoteError, match=r"access is denied .*; .*AWS_PROFILE"):
        remote.state(url)
