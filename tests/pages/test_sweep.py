"""pages/sweep.py, drawn by Streamlit's own test runner."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from labeling.collection import classes
from labeling.reviewer import chosen
from labeling.reviewer.chosen import Chosen
from labeling.workspace import open_workspace
from pages.ui import session
from tests.support import ROOT
from tests.support.workspaces.making import copy_workspace


@pytest.fixture
def at(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(session.WORKSPACE, str(copy_workspace(trained, tmp_path / "birds")))
    monkeypatch.setenv("EARMARK_REVIEWER", "rita")
    monkeypatch.chdir(ROOT)
    return AppTest.from_file(str(ROOT / "pages" / "sweep.py"), default_timeout=60)


def wall(at: AppTest) -> dict[str, Any]:
    assert not at.exception
    assert not at.error
    (mounted,) = at.get("bidi_component")
    return json.loads(mounted.proto.json)  # type: ignore[no-any-return]


def test_the_class_with_most_to_do_comes_first(at: AppTest) -> None:
    at.run()
    box = at.selectbox(key="sweep_class")
    numbers = [int(text.rsplit(":", 1)[1].split()[0]) for text in box.options]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] > 0
    data = wall(at)
    assert data["query"]["class"] == box.value
    assert data["query"]["min_p_wrong"] == "0.3"
    assert data["token"]


def test_what_is_chosen_is_in_the_link_and_a_link_chooses(at: AppTest) -> None:
    for name, value in {"class": "reetri1", "which": "missing", "order": "framewise", "unlikely": "1"}.items():
        at.query_params[name] = value
    at.run()
    query = wall(at)["query"]
    assert (query["class"], query["which"], query["status"]) == ("reetri1", "missing", "all")
    assert (query["order"], query["min_p_wrong"]) == ("framewise", "0.0")

    at.selectbox(key="sweep_class").select("ambfin1").run()
    at.selectbox(key="sweep_order").select("rank").run()
    assert wall(at)["query"]["class"] == "ambfin1"
    assert dict(at.query_params) == {"class": "ambfin1", "which": "missing", "unlikely": "1"}
    at.toggle(key="sweep_unlikely").set_value(False).run()
    assert wall(at)["query"]["class"] == "ambfin1"
    assert wall(at)["query"]["min_p_wrong"] == "0.3"


def test_a_link_with_nonsense_shows_what_there_is(at: AppTest) -> None:
    for name, value in {"class": "<img>", "which": "x", "status": "x", "order": "filename", "unlikely": "x"}.items():
        at.query_params[name] = value
    at.run()
    query = wall(at)["query"]
    assert query["class"] == at.selectbox(key="sweep_class").value != "<img>"
    assert (query["which"], query["status"], query["order"]) == ("all", "all", "rank")


def test_a_new_class_is_called_new(at: AppTest) -> None:
    with open_workspace(os.environ[session.WORKSPACE]).write() as connection:
        classes.add_class(connection, "eastow", "Eastern Towhee", added_by="rita")
    at.query_params["class"] = "eastow"
    at.run()
    assert "Eastern Towhee (eastow) · new: 0 to do" in at.selectbox(key="sweep_class").options
    assert wall(at)["query"]["class"] == "eastow"


def test_what_was_chosen_on_the_map_is_left_and_followed_again(at: AppTest) -> None:
    some = np.array([1, 2])
    these = Chosen("ears", "two stretches", some, np.zeros(2), np.ones(2))
    name = chosen.keep(open_workspace(os.environ[session.WORKSPACE]), these, "rita")
    at.query_params["chosen"] = name
    at.run()
    assert wall(at)["query"]["chosen"] == name
    at.button(key="chosen_end").click().run()
    assert "chosen" not in wall(at)["query"]
    assert "chosen" not in at.query_params
    at.query_params["chosen"] = name
    at.run()
    assert wall(at)["query"]["chosen"] == name


def test_without_a_name_nothing_can_be_decided(at: AppTest) -> None:
    at.session_state["reviewer"] = " "
    at.run()
    assert "name" in at.info[0].value
    assert not at.get("bidi_component")


def test_before_the_first_run_there_is_a_way_on(at: AppTest, blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(session.WORKSPACE, str(blank))
    monkeypatch.setattr("streamlit.page_link", lambda page, **words: None)  # the page stands alone here
    at.run()
    assert not at.exception
    assert "Nothing is scored yet" in at.info[0].value
