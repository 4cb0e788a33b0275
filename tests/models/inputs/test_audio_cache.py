import errno
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from models.inputs import audio_cache
from models.inputs.audio_cache import HEADER, AudioCache, from_int16, to_int16
from tests.support import ROOT

RATE = 8000


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "one.wav"
    path.write_bytes(b"any bytes: the cache looks at the state only")
    return path


def cache_in(tmp_path, max_bytes=1e6, rate=RATE, note=lambda line: None):
    return AudioCache(tmp_path / "cache", rate, max_bytes, note)


def some_samples(n=1000, seed=0):
    return np.random.default_rng(seed).integers(-32767, 32768, n).astype(np.int16)


def put(cache, path, samples):
    entry = cache.entry_of(str(path))
    assert cache.write(entry, samples, 1e-4)
    return entry


def many(cache, tmp_path, count, n=1000):
    """Write so many entries of 32 + 2 n bytes; which were taken."""
    taken = []
    for k in range(count):
        path = tmp_path / f"{k}.wav"
        path.write_bytes(bytes(k))
        taken.append(cache.write(cache.entry_of(str(path)), some_samples(n), 1e-4))
    return taken


def bytes_in(tmp_path):
    return sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_sixteen_bits_keep_every_level():
    for level in (1e-6, 0.3, 40.0):
        wave = (level * np.random.default_rng(0).uniform(-1, 1, 5000)).astype(np.float32)
        samples, scale = to_int16(wave)
        assert np.abs(samples).max() == 32767
        assert np.abs(from_int16(samples, scale) - wave).max() <= 0.51 * np.abs(wave).max() / 32767
    samples, scale = to_int16(np.zeros(5, np.float32))
    assert from_int16(samples, scale).tolist() == [0] * 5
    assert len(to_int16(np.zeros(0, np.float32))[0]) == 0


def test_what_is_written_is_read(tmp_path, source):
    samples = some_samples()
    entry = put(cache_in(tmp_path), source, samples)
    other = cache_in(tmp_path)  # another process, later
    assert other.entry_of(str(source)) == entry
    got, scale = other.load(entry)
    assert np.array_equal(got, samples)
    assert scale == 1e-4
    out = np.zeros(200, np.float32)
    assert other.read(entry, 100, out)
    np.testing.assert_allclose(out, samples[100:300] * 1e-4, rtol=1e-6)
    assert not other.read(entry, 900, out)  # past the end
    assert entry.stat().st_size == 32 + 2 * 1000


def test_a_changed_file_another_rate_or_channel_is_another_entry(tmp_path, source):
    cache = cache_in(tmp_path)
    entry = put(cache, source, some_samples())
    assert cache_in(tmp_path, rate=16000).entry_of(str(source)) != entry
    assert len({entry, *(cache.entry_of(str(source), channel) for channel in (1, 2))}) == 3
    before = source.stat()
    source.write_bytes(b"other bytes, more of them than there were before")
    assert cache.entry_of(str(source)) != entry
    source.write_bytes(b"any bytes: the cache looks at the state only")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns + 1000))
    assert cache.entry_of(str(source)) != entry
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.entry_of(str(source)) == entry


def test_a_url_is_known_by_its_state_and_a_missing_file_not_at_all(tmp_path):
    import fsspec

    cache = cache_in(tmp_path)
    with fsspec.open("memory://cache-test/one.wav", "wb") as file:
        file.write(b"12345")
    first = cache.entry_of("memory://cache-test/one.wav")
    assert first == cache.entry_of("memory://cache-test/one.wav")
    assert first is not None
    assert cache.entry_of("memory://cache-test/none.wav") is None
    assert cache.entry_of(str(tmp_path / "none.wav")) is None
    assert cache.load(tmp_path / "none.pcm") is None


@pytest.mark.parametrize("damage", ["cut", "empty", "header", "byte", "longer"])
def test_a_damaged_entry_is_removed_and_written_anew(tmp_path, source, damage):
    cache, samples = cache_in(tmp_path), some_samples()
    entry = put(cache, source, samples)
    content = bytearray(entry.read_bytes())
    if damage == "cut":
        content = content[:1500]
    elif damage == "empty":
        content = bytearray()
    elif damage == "header":
        content[0] ^= 1
    elif damage == "byte":
        content[700] ^= 1
    else:
        content += b"00"
    entry.write_bytes(bytes(content))
    if damage != "byte":  # a chunk is not checked against the sum of the whole
        assert not cache.read(entry, 0, np.zeros(10, np.float32))
        entry.write_bytes(bytes(content))
    assert cache.load(entry) is None
    assert not entry.exists()
    put(cache, source, samples)
    assert np.array_equal(cache.load(entry)[0], samples)


def test_an_entry_of_another_rate_under_this_name_is_refused(tmp_path, source):
    cache = cache_in(tmp_path)
    entry = put(cache, source, some_samples())
    content = bytearray(entry.read_bytes())
    fields = list(HEADER.unpack(content[: HEADER.size]))
    fields[1] = 44100
    content[: HEADER.size] = HEADER.pack(*fields)
    entry.write_bytes(bytes(content))
    assert cache.load(entry) is None


def test_the_bound_holds_and_is_said_once(tmp_path):
    said = []
    cache = cache_in(tmp_path, max_bytes=3 * 2032 + 100, note=said.append)
    assert many(cache, tmp_path, 6) == [True, True, True, False, False, False]
    assert bytes_in(tmp_path) == 3 * 2032
    assert len(said) == 1
    assert "data.cache_gb" in said[0]


def test_the_bound_holds_for_many_threads_whenever_it_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(audio_cache, "COUNT_AGAIN_S", -1.0)  # at every write
    for k in range(40):
        (tmp_path / f"{k}.wav").write_bytes(bytes(k))
    cache = cache_in(tmp_path, max_bytes=20 * 2032 + 1000)

    def write(numbers):
        for k in numbers:
            cache.write(cache.entry_of(str(tmp_path / f"{k}.wav")), some_samples(), 1e-4)

    threads = [threading.Thread(target=write, args=(range(first, 40, 8),)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # one that is renamed while it is counted may count twice, so that a few less fit, never more
    assert 10 * 2032 <= bytes_in(tmp_path) <= 20 * 2032


def test_entries_of_other_days_make_room_oldest_first_and_those_of_today_stay(tmp_path):
    old = cache_in(tmp_path)
    many(old, tmp_path, 3)
    entries = [old.entry_of(str(tmp_path / f"{k}.wav")) for k in range(3)]
    for k, days in enumerate((2, 3, 0)):
        os.utime(entries[k], (time.time() - days * 86400,) * 2)
    part = tmp_path / "cache" / ".left-by-a-killed-process.part"
    part.write_bytes(bytes(2000))
    os.utime(part, (time.time() - 4 * 86400,) * 2)
    # the leftover and the oldest entry must go, the other two fit beside the new one
    full = cache_in(tmp_path, max_bytes=3 * 2032)
    new = tmp_path / "new.wav"
    new.write_bytes(b"new")
    put(full, new, some_samples())
    assert [entry.exists() for entry in entries] == [True, False, True]
    assert not part.exists()
    # a load marks an entry as used
    assert full.load(entries[0]) is not None
    assert time.time() - entries[0].stat().st_mtime < 60
    another = tmp_path / "another.wav"
    another.write_bytes(b"another")
    assert not full.write(full.entry_of(str(another)), some_samples(), 1e-4)
    assert [entry.exists() for entry in entries] == [True, False, True]


@pytest.mark.parametrize("where", ["folder", "write"])
def test_a_full_or_forbidden_disk_is_only_noted(tmp_path, source, monkeypatch, where):
    said = []
    cache = cache_in(tmp_path, note=said.append)
    if where == "folder":
        (tmp_path / "cache").write_bytes(b"a file where the folder should be")
    else:

        class Full:
            def __init__(self, handle, mode):
                os.close(handle)

            def __enter__(self):
                return self

            def __exit__(self, *words):
                return None

            def write(self, content):
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(audio_cache.os, "fdopen", Full)
    entry = cache.entry_of(str(source))
    assert not cache.write(entry, some_samples(), 1e-4)
    assert not cache.write(entry, some_samples(), 1e-4)
    assert len(said) == 1
    assert "cannot write" in said[0]
    if where == "write":
        assert bytes_in(tmp_path) == 0  # no half file stays


def test_threads_and_processes_share_a_folder(tmp_path):
    """Four threads here and a second process write and read the same ten entries at the same time."""
    code = f"import {__name__} as t; from pathlib import Path\nt.hammer(Path({str(tmp_path)!r}))"
    for k in range(10):
        (tmp_path / f"{k}.wav").write_bytes(bytes(k))
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    threads = [threading.Thread(target=hammer, args=(tmp_path,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.wait(600) == 0
    cache = cache_in(tmp_path)
    for k in range(10):
        assert np.array_equal(cache.load(cache.entry_of(str(tmp_path / f"{k}.wav")))[0], some_samples(3000, k))
    assert not list((tmp_path / "cache").rglob("*.part"))


def hammer(tmp_path):
    cache = cache_in(tmp_path)
    for turn in range(6):
        for k in range(10):
            entry = cache.entry_of(str(tmp_path / f"{k}.wav"))
            found = cache.load(entry)
            assert found is None or np.array_equal(found[0], some_samples(3000, k)), "a half entry was seen"
            if found is None or turn % 2:
                assert cache.write(entry, some_samples(3000, k), 1e-4)
