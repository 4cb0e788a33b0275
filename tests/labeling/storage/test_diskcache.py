"""The cache on disk: its bound, making a thing once, and a disk that cannot be written."""

import os
import threading

import pytest

from labeling.storage.diskcache import DiskCache


def test_the_cache_stays_within_its_bound_and_drops_the_oldest(tmp_path):
    cache = DiskCache(tmp_path, max_bytes=10_000)
    for number in range(30):
        cache.get(f"{number}", lambda: b"x" * 1000)
        os.utime(tmp_path / f"{number}", (1000 + number, 1000 + number))
    left = sorted(int(path.name) for path in tmp_path.iterdir())
    assert 5 <= len(left) <= 10
    assert left[-1] == 29
    assert 0 not in left


def test_what_is_being_written_is_not_dropped_and_what_was_left_behind_is(tmp_path):
    cache = DiskCache(tmp_path, max_bytes=2500)
    (tmp_path / ".new-abandoned").write_bytes(b"x" * 1000)
    os.utime(tmp_path / ".new-abandoned", (1000, 1000))

    def slowly(file):
        file.write(b"x" * 1000)
        for number in range(4):  # others fill the folder meanwhile
            cache.get(f"{number}", lambda: b"x" * 1000)

    assert cache.file("slow", slowly).read_bytes() == b"x" * 1000
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".new-")]


def test_what_was_used_again_stays(tmp_path):
    cache = DiskCache(tmp_path, max_bytes=3500)
    for name in "abc":
        cache.get(name, lambda: b"x" * 1000)
        os.utime(tmp_path / name, (1000 + ord(name), 1000 + ord(name)))
    assert cache.peek("a") == b"x" * 1000
    cache.get("d", lambda: b"x" * 1000)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "c", "d"}
    assert cache.peek("b") is None


def test_requests_at_once_make_a_thing_once(tmp_path):
    cache, made, gate = DiskCache(tmp_path), [], threading.Event()

    def make() -> bytes:
        made.append(1)
        gate.wait(5)
        return b"data"

    got = []
    threads = [threading.Thread(target=lambda: got.append(cache.get("k", make))) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert got == [b"data"] * 4
    assert len(made) == 1


def test_a_thing_may_be_made_of_others_that_are_kept(tmp_path):
    cache = DiskCache(tmp_path)
    assert cache.get("whole", lambda: cache.get("left", lambda: b"l") + cache.get("right", lambda: b"r")) == b"lr"
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "left", "right"}


def test_a_disk_that_cannot_be_written_costs_the_cache_not_the_answer(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert DiskCache(blocked / "cache").get("k", lambda: b"data") == b"data"
    with pytest.raises(OSError, match="Not a directory"):
        DiskCache(blocked / "cache").file("k", lambda file: file.write(b"data"))
    with pytest.raises(ValueError, match="no"):
        DiskCache(tmp_path).get("k", lambda: (_ for _ in ()).throw(ValueError("no")))


def test_a_file_is_written_once_and_whole_or_not_at_all(tmp_path):
    cache = DiskCache(tmp_path / "cache")

    def broken(file) -> None:
        file.write(b"half")
        raise ValueError("cut off")

    with pytest.raises(ValueError, match="cut off"):
        cache.file("k", broken)
    assert list((tmp_path / "cache").iterdir()) == []
    path = cache.file("k", lambda file: file.write(b"whole"))
    assert path.read_bytes() == b"whole"
    os.utime(path, (1000, 1000))
    assert cache.file("k", broken) == path
    assert path.stat().st_mtime == 1000  # used, not changed
    assert path.stat().st_atime > 1000
