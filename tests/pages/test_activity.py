"""pages/activity.py: what it says of a prediction, of none, and of recordings that it cannot place or play."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling.people import roles
from labeling.workspace import open_workspace
from pages.ui import session
from tests.support.app.pages import errors, show
from tests.support.workspaces.predicted import add_prediction


def text(app: AppTest) -> str:
    return " ".join(one.value for one in [*app.markdown, *app.caption, *app.info, *app.warning]).replace("\\", "")


def test_nothing_predicted_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_workspace(tmp_path / "w", create=True).close()
    app = show(tmp_path / "w", "activity", monkeypatch)
    assert errors(app) == ""
    assert "Predict a folder of recordings" in text(app)


def test_the_hours_of_a_class_and_a_site(own_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_prediction(own_copy)
    app = show(own_copy, "activity", monkeypatch)
    assert errors(app) == ""
    # of the 100 windows with a time 30 score a half: those of the pond
    assert "30 of 100 windows score 0.5 or more; at 2 sites, 5 min recorded on 3 days." in text(app).replace("*", "")
    assert "In no hour, as nothing says when: 1 of 6 recordings" in str([one.label for one in app.expander])
    app.selectbox(key="activity_site").set_value("meadow").run()
    app.number_input(key="activity_score").set_value(0.25).run()
    assert errors(app) == ""
    assert "8 of 40 windows score 0.25 or more; 2 min recorded on 3 days" in text(app).replace("*", "")
    assert app.query_params["site"] == "meadow"
    assert app.query_params["score"] == "0.25"
    hour = app.selectbox(key="activity_hour")
    assert hour.options[0] == "2024-06-12 06:00, 4 of 20 windows, highest 0.30"
    hour.set_value("2024-06-12 6").run()
    assert errors(app) == ""
    assert app.query_params["hour"] == "2024-06-12 6"


def test_a_link_opens_what_it_names(own_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_prediction(own_copy)
    app = show(own_copy, "overview", monkeypatch)
    app.switch_page("activity.py")
    for name, value in {
        "from": "001",
        "site": "pond",
        "zone": "Europe/Berlin",
        "view": "hours",
        "score": "0.9",
    }.items():
        app.query_params[name] = value
    app.run()
    assert errors(app) == ""
    assert app.selectbox(key="activity_site").value == "pond"
    assert app.number_input(key="activity_score").value == 0.9
    assert "6 of 60 windows score 0.9" in text(app).replace("*", "")
    assert "Hours by Europe/Berlin time" in text(app)


def test_before_anything_was_heard_no_threshold_is_told(own_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_prediction(own_copy)
    app = show(own_copy, "activity", monkeypatch)
    app.segmented_control(key="activity_view").set_value("precision").run()
    assert errors(app) == ""
    assert "Not known yet: 0 heard of a draw, and 30 are needed; hear 30 more" in text(app)
    app.text_input(key="activity_bands").set_value("0.5,0.2").run()
    assert "edges of bands 0.5, 0.2 make none" in errors(app).replace("\\", "")


def test_recordings_that_are_no_clips_can_be_brought(own_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_prediction(own_copy, imported=False)
    app = show(own_copy, "activity", monkeypatch)
    assert "6 of 6 recordings are not in the collection" in text(app)
    app.button(key="activity_import").click().run()
    assert errors(app) == ""
    assert "not in the collection" not in text(app)


def test_a_run_has_hours_only_where_names_say_when(own_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = show(own_copy, "activity", monkeypatch)
    assert errors(app) == ""
    assert "No recording says when it was made" in text(app)
    app.segmented_control(key="activity_view").set_value("precision").run()
    assert errors(app) == ""
    assert "Listen to the draw" in text(app)


def test_who_only_looks_is_offered_no_export(own_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_prediction(own_copy)
    monkeypatch.setattr(session.signin, "at_the_page", lambda: roles.Person("vera", "viewer"))
    app = show(own_copy, "activity", monkeypatch)
    app.segmented_control(key="activity_view").set_value("precision").run()
    assert errors(app) == ""
    assert "this needs the role owner" in text(app)
    assert not [one for one in app.get("download_button") if "detections" in str(one.proto)]
