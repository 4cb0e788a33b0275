"""pages/ui/routes/api.py: what the player's requests do, and who may make them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette

from labeling import journal
from labeling.collection import channels
from labeling.errors import WorkspaceFull
from labeling.journal import versions
from labeling.quality.scored_run import read_scored_run
from labeling.suspects import queue
from labeling.suspects.filter import QueueFilter
from labeling.workspace import Workspace, open_workspace
from pages.ui import signing
from pages.ui.routes.api import api_routes
from pages.ui.shared import shapes
from tests.support.app.client import client_of
from tests.support.browser.player_page import unpacked
from tests.support.scripts.typescript import check

SECRET = b"s" * 32
ANSWERS = {
    "/api/decisions": shapes.Decided,
    "/api/undo": shapes.Undone | shapes.NothingUndone,
    "/api/marks": shapes.Marked,
    "/api/classes": shapes.NewClass,
    "/api/channel": shapes.ChannelKept,
}


class Caller:
    """A reviewer at the routes."""

    def __init__(self, workspace: Workspace, reviewer: str = "rita") -> None:
        app = Starlette(routes=api_routes(lambda: workspace, lambda: SECRET))
        self.client = client_of(app, headers={"x-earmark": signing.api_token(SECRET, reviewer)})
        self.workspace = workspace
        with workspace.read() as connection:
            self.scored = queue.current(connection)
            assert self.scored
            rows = queue.rows(connection, read_scored_run(connection, *self.scored), QueueFilter(), limit=None)
        self.suspects = [row.suspect for row in rows]
        self.view = {"run": self.scored[0], "scorer": self.scored[1], "p": "0.01"}

    def clip(self, clip_id: int, **more: str) -> dict[str, Any]:
        answer = self.client.get(f"/api/clips/{clip_id}", params=self.view | more)
        assert answer.status_code == 200, answer.text
        check(answer.json(), shapes.Clip, "the clip")
        return answer.json()  # type: ignore[no-any-return]

    def post(self, path: str, expect: int = 200, **body: Any) -> dict[str, Any]:
        answer = self.client.post(path, json={"view": self.view} | body)
        assert answer.status_code == expect, answer.text
        if expect == 200 and path in ANSWERS:
            check(answer.json(), ANSWERS[path], path)
        return answer.json()  # type: ignore[no-any-return]

    def decide(self, verdict: str, place: int = 0, expect: int = 200, **more: Any) -> dict[str, Any]:
        one = self.suspects[place]
        event = {"event_id": f"e-{place}-{verdict}", "clip_id": one.clip_id, "class": one.class_code,
                 "verdict": verdict, "kind": one.kind} | more  # fmt: skip
        view = self.view | ({"mode": more["mode"], "class": one.class_code} if "mode" in more else {})
        return self.post("/api/decisions", expect, events=[event], view=view, answer="clip")

    def journal(self) -> list[Any]:
        with self.workspace.read() as connection:
            return journal.decisions_where(connection)


@pytest.fixture
def caller(own_copy: Path) -> Iterator[Caller]:
    workspace = open_workspace(own_copy)
    yield Caller(workspace)
    workspace.close()


def lane(clip: dict[str, Any], code: str) -> dict[str, Any]:
    return next(one for one in clip["lanes"] if one["class"] == code)


def test_a_decision_is_stored_with_what_was_on_screen_and_taken_back(caller: Caller) -> None:
    one = caller.suspects[0]
    before = lane(caller.clip(one.clip_id), one.class_code)
    assert (before["verdict"], before["kind"]) == ("", one.kind)
    assert max(unpacked(before["values"])) == pytest.approx(one.framewise_max, abs=0.002)
    answer = caller.decide("absent")
    assert answer["notice"] == f"saved: {one.class_code} absent"
    assert lane(answer["clip"], one.class_code)["verdict"] == "absent"
    assert lane(answer["clip"], one.class_code)["reviewer"] == "rita"
    (stored,) = caller.journal()
    assert (stored.reviewer, stored.run_id, stored.shown.rank) == ("rita", caller.view["run"], one.rank)
    assert stored.shown.p_wrong == pytest.approx(one.p_wrong, abs=1e-4)
    with caller.workspace.read() as connection:  # the keys of every workspace there is
        kept = connection.scalar(sa.text("SELECT shown FROM decisions"))
    assert list(json.loads(str(kept))) == [
        "kind", "rank", "scorer", "p_wrong", "likely_wrong", "label_quality", "clipwise", "framewise_max", "asked",
    ]  # fmt: skip
    # a press that is sent again is one decision
    assert caller.decide("absent")["positions"] == [stored.position]
    undone = caller.post("/api/undo", event_id="u1")
    assert (undone["clip_id"], undone["class"]) == (one.clip_id, one.class_code)
    assert lane(undone["clip"], one.class_code)["verdict"] == ""
    assert caller.post("/api/undo", event_id="u2") == {"notice": "nothing of yours to undo", "clip_id": None}


def test_an_undo_that_is_sent_again_undoes_once(caller: Caller) -> None:
    caller.decide("absent", 0)
    caller.decide("absent", 1)
    first = caller.post("/api/undo", event_id="u1")
    assert caller.post("/api/undo", event_id="u1")["clip_id"] == first["clip_id"]
    assert [one.verdict for one in caller.journal()] == ["absent", "absent", "undo"]


def test_any_entry_can_be_taken_back_by_its_position(caller: Caller) -> None:
    first = caller.decide("absent", 0)["positions"][0]
    caller.decide("absent", 1)
    answer = caller.post("/api/undo", event_id="u1", position=first)
    assert answer["clip_id"] == caller.suspects[0].clip_id
    assert [one.undoes for one in caller.journal()] == [None, None, first]


def test_what_another_reviewer_decided_is_theirs_to_take_back(caller: Caller) -> None:
    position = caller.decide("absent")["positions"][0]
    answer = Caller(caller.workspace, "sam").post("/api/undo", 422, event_id="u1", position=position)
    assert "belongs to 'rita'" in answer["error"]
    assert len(caller.journal()) == 1


def test_a_cell_that_changed_meanwhile_is_not_overwritten(caller: Caller) -> None:
    seen = caller.clip(caller.suspects[0].clip_id)["seen_position"]
    other = Caller(caller.workspace, "sam")
    other.decide("present")
    answer = caller.decide("absent", expect=409, seen_position=seen)
    assert "was set to present by sam in the meantime" in answer["error"]
    assert [one.verdict for one in caller.journal()] == ["present"]


def test_a_batch_is_one_and_is_undone_whole(caller: Caller) -> None:
    events = [
        {"event_id": f"b-{place}", "clip_id": one.clip_id, "class": one.class_code, "verdict": "absent"}
        for place, one in enumerate(caller.suspects[:5])
    ]
    assert caller.post("/api/decisions", events=events, batch="b1")["notice"] == "saved: 5 decisions"
    assert {one.batch_id for one in caller.journal()} == {"b1"}
    assert caller.post("/api/undo", event_id="u1")["notice"] == "undone: 5 decisions"
    bad = [*events[:1], events[1] | {"event_id": "b-x", "class": "nobody"}]
    answer = caller.post("/api/decisions", 422, events=[one | {"event_id": one["event_id"] + "-2"} for one in bad])
    assert "nobody" in answer["error"]
    assert len(caller.journal()) == 10, "nothing of a batch is stored where one of it is refused"


def test_a_box_is_drawn_moved_and_taken_away(caller: Caller) -> None:
    code = caller.suspects[0].class_code
    drawn = caller.decide("present", region={"onset_s": 0.5, "offset_s": 1.5, "low_hz": 2000, "high_hz": 4000})
    (box,) = lane(drawn["clip"], code)["events"]
    assert (box["onset_s"], box["offset_s"], box["low_hz"], box["high_hz"]) == (0.5, 1.5, 2000, 4000)
    moved = caller.decide(
        "present", event_id="m1", replaces=box["position"], region={"onset_s": 0.75, "offset_s": 1.75}
    )
    (now,) = lane(moved["clip"], code)["events"]
    assert (now["onset_s"], now["low_hz"], moved["boxes_left"]) == (0.75, None, 1)
    gone = caller.decide("", event_id="d1", replaces=now["position"])
    assert (lane(gone["clip"], code)["events"], gone["boxes_left"]) == ([], 0)
    assert lane(gone["clip"], code)["verdict"] == ""
    answer = caller.decide("", event_id="d2", replaces=now["position"], expect=422)
    assert "no box that stands" in answer["error"]


def test_a_box_is_changed_alone(caller: Caller) -> None:
    box = caller.decide("present", region={"onset_s": 0.5, "offset_s": 1.5})["positions"][0]
    one, other = caller.suspects[:2]
    events = [
        {"event_id": "x1", "clip_id": one.clip_id, "class": one.class_code, "replaces": box},
        {"event_id": "x2", "clip_id": other.clip_id, "class": other.class_code, "verdict": "absent"},
    ]
    for order in (events, events[::-1]):
        assert "taken away alone" in caller.post("/api/decisions", 422, events=order)["error"]
    assert len(caller.journal()) == 1, "nothing of it is acknowledged, so nothing of it is stored"


def test_notes_and_flags_come_back_with_the_clip(caller: Caller) -> None:
    clip_id = caller.suspects[0].clip_id
    hostile = "<b>wind</b> =cmd() '; drop table clips --"
    left = caller.post("/api/marks", event_id="n1", clip_id=clip_id, kind="note", text=hostile)
    assert [(one["kind"], one["text"]) for one in left["marks"]] == [("note", hostile)]
    caller.post("/api/marks", event_id="n2", clip_id=clip_id, kind="later")
    assert [one["kind"] for one in caller.clip(clip_id)["marks"]] == ["note", "later"]
    assert [one["kind"] for one in Caller(caller.workspace, "sam").clip(clip_id)["marks"]] == ["note"]
    gone = caller.post("/api/marks", event_id="n3", clip_id=clip_id, kind="note", removes=left["marks"][0]["id"])
    assert [one["kind"] for one in gone["marks"]] == ["later"]


def test_undo_takes_back_a_mark_where_that_came_last(caller: Caller) -> None:
    one = caller.suspects[0]
    caller.decide("absent", 1)
    caller.post("/api/marks", event_id="n1", clip_id=one.clip_id, kind="skip")
    answer = caller.post("/api/undo", event_id="u1")
    assert (answer["notice"], answer["clip_id"], answer["clip"]["marks"]) == ("undone: skip", one.clip_id, [])
    assert caller.post("/api/undo", event_id="u1")["notice"] == "undone: skip", "sent again"
    assert caller.post("/api/undo", event_id="u2")["clip_id"] == caller.suspects[1].clip_id
    note = caller.post("/api/marks", event_id="n2", clip_id=one.clip_id, kind="note", text="hm")["marks"][0]
    caller.post("/api/marks", event_id="n3", clip_id=one.clip_id, kind="note", removes=note["id"])
    answer = caller.post("/api/undo", event_id="u3")
    assert (answer["notice"], answer["clip"]["marks"]) == ("undone: note taken back", [note])


def test_the_channel_of_a_clip_is_kept_for_everybody(caller: Caller) -> None:
    assert (caller.clip(1)["channels"], caller.clip(1)["channel"]) == ([], 0)
    with caller.workspace.write() as connection:
        connection.execute(sa.text("update clips set channels = 2 where id = 1"))
    assert caller.clip(1)["channels"] == ["mix", "left", "right"]
    answer = caller.post("/api/channel", clip_id=1, channel=2)
    assert answer["notice"] == "everybody now hears and sees the right channel of this clip"
    other = Caller(caller.workspace, "otto").clip(1)
    for clip in (answer["clip"], other):
        assert clip["channel"] == 2
        assert all("channel=2" in clip[name] for name in ("audio_url", "tile_url", "peaks_url"))
    assert other["metadata"]["channels"] == "2, right used"
    with caller.workspace.read() as connection:
        assert channels.channels_of(connection, [1, 2]) == {1: 2}
    for wrong, reason in (
        (3, "channel 3; give 0 (the mix) to 2"),
        (-1, "a whole number is expected"),
        (None, "missing"),
    ):
        assert reason in caller.post("/api/channel", 422, clip_id=1, channel=wrong)["error"]
    assert "there is no clip 999" in caller.post("/api/channel", 422, clip_id=999, channel=1)["error"]
    assert "channel" not in caller.post("/api/channel", clip_id=1, channel=0)["clip"]["audio_url"]


def test_a_blind_look_tells_nothing_but_the_question(caller: Caller) -> None:
    one = caller.suspects[0]
    caller.post("/api/marks", event_id="n1", clip_id=one.clip_id, kind="note", text="a giveaway")
    caller.decide("present")
    shown = caller.clip(one.clip_id, mode="blind", **{"class": one.class_code})
    (only,) = shown["lanes"]
    given_away = ("role", "kind", "verdict", "reviewer", "clipwise", "p_wrong", "partner", "values", "events")
    assert not any(only[name] for name in given_away)
    text = json.dumps({name: value for name, value in shown.items() if name != "lanes"})
    assert one.filename not in text
    assert "giveaway" not in text
    assert (shown["candidates"], shown["history"], shown["marks"], shown["metadata"]) == ([], [], [], {})
    caller.decide("absent", event_id="again", mode="blind")
    assert caller.journal()[-1].shown.blind


def test_a_look_drawn_at_random_is_as_hidden_and_says_so_in_the_journal(caller: Caller) -> None:
    one = caller.suspects[0]
    asked = {"mode": "audit", "class": one.class_code}
    shown, blind = caller.clip(one.clip_id, **asked), caller.clip(one.clip_id, **asked | {"mode": "blind"})
    assert (shown["title"], shown["mode"]) == ("Drawn at random", "audit")
    same = {"title": "", "mode": "", "look": ""}
    assert shown | same == blind | same
    caller.decide("absent", mode="audit")
    kept = caller.journal()[-1].shown
    assert (kept.audit, kept.blind) == (True, False)
    answer = caller.post("/api/undo", event_id="u1")
    assert (answer["clip_id"], answer["class"], answer["mode"]) == (one.clip_id, one.class_code, "audit")


def decided_long_ago(caller: Caller) -> int:
    first = caller.decide("absent")["positions"][0]
    for place in range(1, 21):
        caller.decide("present", place, event_id=f"later-{place}")
    return int(first)


def test_a_second_look_hides_the_first_verdict_and_names_it(caller: Caller) -> None:
    first, one = decided_long_ago(caller), caller.suspects[0]
    shown = caller.clip(one.clip_id, mode="again", **{"class": one.class_code})
    assert lane(shown, one.class_code)["verdict"] == ""
    assert shown["history"] == []
    caller.decide("present", event_id="again", mode="again")
    assert caller.journal()[-1].shown.second_look == first


def test_a_verdict_against_the_evidence_is_asked_again_blind_under_a_mark_of_its_own(caller: Caller) -> None:
    first, one = decided_long_ago(caller), caller.suspects[0]
    doubted, blind = (caller.clip(one.clip_id, mode=mode, **{"class": one.class_code}) for mode in ("doubted", "blind"))
    same = {"mode": "", "look": ""}
    assert doubted | same == blind | same, "nothing tells which it is"
    caller.decide("present", event_id="again", mode="doubted")
    kept = caller.journal()[-1].shown
    assert (kept.doubted_look, kept.second_look, kept.blind, kept.was_asked) == (first, None, True, True)
    assert caller.post("/api/undo", event_id="u1")["mode"] == "doubted"


def test_a_second_look_shows_nothing_that_follows_from_the_first(caller: Caller) -> None:
    """A primary label that was found false gives its place to another class, and company to what is offered."""
    place = next(
        at for at, one in enumerate(caller.suspects)
        if lane(caller.clip(one.clip_id), one.class_code)["role"] == "primary"
    )  # fmt: skip
    one = caller.suspects[place]
    asked = {"mode": "again", "class": one.class_code, "at": "0"}  # likelihoods as the list was drawn with
    before = caller.clip(one.clip_id, **asked)
    for number, (verdict, more) in enumerate(
        [("absent", {}), ("present", {"kind": "swapped"}), ("present", {"region": {"onset_s": 0, "offset_s": 1}})]
    ):
        caller.decide(verdict, place, event_id=f"first-{number}", **more)
        now = caller.clip(one.clip_id, **asked)
        for name in ("lanes", "candidates", "history", "marks", "metadata", "title", "error"):
            assert now[name] == before[name], (verdict, name)


def test_a_second_look_is_of_the_class_that_was_asked(caller: Caller) -> None:
    one = caller.suspects[0]
    other = next(place for place, found in enumerate(caller.suspects) if found.class_code != one.class_code)
    event = {"event_id": "o1", "clip_id": one.clip_id, "class": caller.suspects[other].class_code, "verdict": "present",
             "mode": "blind"}  # fmt: skip
    caller.post("/api/decisions", events=[event], view=caller.view | {"mode": "blind", "class": one.class_code})
    assert not caller.journal()[-1].shown.blind


def test_the_day_in_words(caller: Caller) -> None:
    assert caller.client.get("/api/progress").json() == {"text": "", "title": ""}
    for place in range(3):
        caller.decide("absent", place)
    told = caller.client.get("/api/progress", params={"left": "40", "offset_min": "60"}).json()
    assert (told["text"][:9], told["title"][:19]) == ("3 today, ", "3 cells decided in ")
    assert "40 left" in told["title"]
    for left in ("x", "-1", "9" * 400):
        assert caller.client.get("/api/progress", params={"left": left}).status_code == 422
    assert caller.client.get("/api/progress", params={"offset_min": "99999"}).status_code == 422


def test_who_may_ask(caller: Caller) -> None:
    clip = f"/api/clips/{caller.suspects[0].clip_id}"
    app = caller.client.app
    for token in ("", "nonsense", signing.api_token(b"t" * 32, "rita"), signing.api_token(SECRET, "rita", now_s=0)):
        for answer in (
            client_of(app).get(clip, headers={"x-earmark": token}),
            client_of(app).post("/api/decisions", json={}, headers={"x-earmark": token}),
        ):
            assert answer.status_code == 403
            assert "reload" in answer.json()["error"]
    assert client_of(app).get(clip).status_code == 403
    assert caller.client.get("/api/clips/999999").status_code == 404
    assert caller.client.get(f"/api/clips/{10**30}").status_code == 422


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"[1]", "not a mapping"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"events": []}', "1 to 2000 events"),
        (b'{"events": [1]}', "int, not a mapping"),
        (b'{"events": [{"event_id": "a", "clip_id": 1, "class": "x", "verdict": "maybe"}]}', "choose from present"),
        (b" " * (3 * 1024**2), "send less at once"),
    ],
)  # fmt: skip
def test_a_bad_request_says_what_is_wrong(caller: Caller, body: bytes, reason: str) -> None:
    answer = caller.client.post("/api/decisions", content=body)
    assert answer.status_code == 422
    assert reason in answer.json()["error"]


def test_what_fails_on_the_server_is_said(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise WorkspaceFull("the disk is full; free some space and try again")

    monkeypatch.setattr(journal, "append_within", full)
    assert "disk is full" in caller.decide("absent", expect=503)["error"]

    def broken(*_: Any) -> None:
        raise RuntimeError("no words for this")

    monkeypatch.setattr(journal, "append_within", broken)
    assert "its log says why" in caller.decide("absent", expect=500)["error"]


def test_one_press_sent_by_two_threads_is_one_decision(caller: Caller) -> None:
    threads = [threading.Thread(target=caller.decide, args=("absent",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.verdict for one in caller.journal()] == ["absent"]


def test_preferences_are_kept_for_each_reviewer(caller: Caller) -> None:
    from labeling.reviewer import preferences

    caller.post("/api/preferences", name="look", value={"gain": 6})
    assert "unknown preference" in caller.post("/api/preferences", 422, name="shoe size", value={})["error"]
    with caller.workspace.read() as connection:
        assert preferences.get_all(connection, "rita")["look"] == {"gain": 6}
        assert preferences.get_all(connection, "sam") == {}


def test_it_is_kept_whether_a_screen_asked_of_the_cell(caller: Caller) -> None:
    caller.decide("absent")
    caller.decide("present", place=1, kind="")  # a lane that is no suspect there
    caller.decide("present", place=2, kind="", mode="blind")
    assert [one.shown.asked for one in caller.journal()] == [True, False, True]


def test_a_class_that_no_label_has_is_made_added_and_shown_as_new(caller: Caller) -> None:
    clip_id = caller.suspects[0].clip_id
    before = caller.clip(clip_id)["classes_url"].split("&expires")[0]
    for _ in range(2):  # sent again it is the same
        made = caller.post("/api/classes", **{"class": "eastow", "name": "Eastern Towhee"})
        assert [made["class"], made["name"]] == ["eastow", "Eastern Towhee"]
        assert made["notice"] == "new class: Eastern Towhee"
    event = {"event_id": "e-new", "clip_id": clip_id, "class": "eastow", "verdict": "present"}
    answer = caller.post("/api/decisions", events=[event], answer="clip")
    (lane,) = [one for one in answer["clip"]["lanes"] if one["class"] == "eastow"]
    assert (lane["name"], lane["role"], lane["is_new"], lane["clipwise"]) == ("Eastern Towhee", "secondary", True, None)
    assert answer["clip"]["classes_url"].split("&expires")[0] != before, "a browser would show the old list"
    versions.freeze(caller.workspace, "rita")
    (lane,) = [one for one in caller.clip(clip_id)["lanes"] if one["class"] == "eastow"]
    assert not lane["is_new"]
    refused = caller.post("/api/classes", 422, **{"class": "EASTERN towhee", "name": ""})
    assert "is class 'eastow' (Eastern Towhee) but for its spelling" in refused["error"]
    assert "has 0 signs" in caller.post("/api/classes", 422)["error"]
