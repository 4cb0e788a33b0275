"""labeling/storage/kept.py"""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from labeling.storage.kept import Kept, engine_key
from labeling.workspace import Workspace


def test_a_value_is_made_once_and_the_least_used_goes_first() -> None:
    kept: Kept[str] = Kept(2)
    made: list[str] = []

    def get(key: str) -> str:
        return kept.get(key, lambda: made.append(key) or key.upper())

    assert [get(key) for key in "abaca"] == list("ABACA")
    assert made == ["a", "b", "c"]  # b was asked for longest ago, a just before c came
    get("b")
    assert made == ["a", "b", "c", "b"]
    assert len(kept) == 2
    kept.clear()
    assert len(kept) == 0


def test_no_more_than_their_total_size_but_always_the_newest() -> None:
    kept: Kept[str] = Kept(10, size=len, total=5)
    for text in ("aa", "bb", "cc"):
        kept.get(text, lambda text=text: text)
    assert (len(kept), kept.held) == (2, 4)
    kept.renew("cc", lambda known: f"{known}c")
    assert ("aa" in kept, "bb" in kept, kept.held) == (False, True, 5)
    kept.get("large", lambda: "x" * 100)
    assert (len(kept), kept.held) == (1, 100)
    assert kept.get("large", lambda: "y") == "x" * 100


def test_none_is_a_value() -> None:
    kept: Kept[str | None] = Kept(2)
    assert kept.get(1, lambda: None) is None
    assert kept.get(1, lambda: "again") is None


def test_others_wait_for_one_that_makes_it_and_other_keys_do_not() -> None:
    kept: Kept[int] = Kept(8)
    made: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        made.append(1)
        assert go_on.wait(10)
        return 1

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(kept.get, "slow", slow) for _ in range(6)]
        assert begun.wait(10)
        assert pool.submit(kept.get, "quick", lambda: 2).result(10) == 2
        go_on.set()
        assert [one.result(10) for one in waiting] == [1] * 6
    assert made == [1]


def test_what_cannot_be_made_is_tried_again() -> None:
    kept: Kept[int] = Kept(2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: 3) == 3


def test_a_value_is_renewed_from_what_it_was_by_one_at_a_time() -> None:
    kept: Kept[int] = Kept(2)

    def one_more(known: int | None) -> int:
        time.sleep(0.001)
        return (known or 0) + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: kept.renew("count", one_more), range(40)))
    assert kept.get("count", lambda: -1) == 40


def test_one_key_for_all_connections_of_an_opened_workspace(any_workspace: Workspace) -> None:
    with any_workspace.read() as one, any_workspace.read() as other:
        assert engine_key(one) == engine_key(other)
        assert hash(engine_key(one)) == hash(engine_key(other))
        assert any_workspace.database_url not in repr(engine_key(one))


def test_no_two_databases_share_a_key_even_after_one_is_gone(any_workspace: Workspace) -> None:
    from labeling.storage.database import connect

    engine = connect("sqlite://")
    with engine.connect() as connection, any_workspace.read() as other:
        gone = engine_key(connection)
        assert gone != engine_key(other)
    del engine, connection
    gc.collect()
    with any_workspace.read() as other:
        assert gone != engine_key(other)
