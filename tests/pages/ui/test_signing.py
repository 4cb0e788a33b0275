"""Signed URLs and tokens: what holds, for how long, and for whom."""

import stat
import string
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.ui.signing import (
    TOKEN_LIFE_S,
    api_token,
    look_of,
    look_token,
    media_secret,
    reviewer_of,
    signed_url,
    token_holds,
)

SECRET = b"s" * 32
NOW_S = 1_000_000


def test_a_link_holds_for_an_hour_and_not_for_three():
    url = signed_url(SECRET, "/clips/1/audio", now_s=NOW_S)
    assert url == signed_url(SECRET, "/clips/1/audio", now_s=NOW_S + 60)  # a browser's cache knows it again
    assert url.startswith("clips/1/audio?")  # wherever the app lies
    query = dict(part.split("=") for part in url.partition("?")[2].split("&"))
    for age_s, holds in ((0, True), (TOKEN_LIFE_S, True), (2 * TOKEN_LIFE_S + 1, False)):
        assert token_holds(SECRET, "/clips/1/audio", query["expires"], query["token"], NOW_S + age_s) == holds
    assert not token_holds(SECRET, "/clips/2/audio", query["expires"], query["token"], NOW_S)
    later = str(int(query["expires"]) + 9999)
    assert not token_holds(SECRET, "/clips/1/audio", later, query["token"], NOW_S)


@pytest.mark.parametrize(
    ("expires", "token"), [("", ""), ("-1", "x"), ("9" * 40, "x"), ("٣", "x"), ("99999999999", "ü")]
)
def test_nonsense_tokens_are_refused_quietly(expires, token):
    assert not token_holds(SECRET, "/clips/1/audio", expires, token)


@given(st.text())
def test_a_token_carries_any_name_through_a_header(reviewer):
    token = api_token(SECRET, reviewer, NOW_S)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_=.")
    assert reviewer_of(SECRET, token, NOW_S) == reviewer


def test_a_reviewers_token_runs_out_and_cannot_be_changed_or_borrowed():
    token = api_token(SECRET, "ann", NOW_S)
    assert token == api_token(SECRET, "ann", NOW_S + 60)
    assert reviewer_of(SECRET, token, NOW_S + TOKEN_LIFE_S) == "ann"
    assert reviewer_of(SECRET, token, NOW_S + 2 * TOKEN_LIFE_S + 1) is None
    assert reviewer_of(b"x" * 32, token, NOW_S) is None
    expires, name, mark = token.split(".")
    bob = api_token(SECRET, "bob", NOW_S).split(".")[1]
    assert reviewer_of(SECRET, f"{expires}.{bob}.{mark}", NOW_S) is None
    assert reviewer_of(SECRET, f"{int(expires) + 1}.{name}.{mark}", NOW_S) is None
    # a URL's token does not pass for a reviewer's, nor the other way
    path_mark = signed_url(SECRET, f"/{name}", now_s=NOW_S).rpartition("=")[2]
    assert reviewer_of(SECRET, f"{expires}.{name}.{path_mark}", NOW_S) is None
    assert not token_holds(SECRET, f"/{name}", expires, mark, NOW_S)


@given(st.text(max_size=40))
def test_nonsense_names_nobody(token):
    assert reviewer_of(SECRET, token, NOW_S) is None
    assert reviewer_of(SECRET, f"{NOW_S + 60}.{token}", NOW_S) is None


@given(st.text(), st.integers(0, 2**53 - 1), st.text())
def test_a_link_to_a_second_look_leads_its_reviewer_back_and_nobody_else(reviewer, clip_id, code):
    token = look_token(SECRET, reviewer, clip_id, "blind", code)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")  # fit for a URL
    assert look_of(SECRET, reviewer, token) == (clip_id, "blind", code)
    assert look_of(SECRET, f"{reviewer}x", token) is None
    assert look_of(b"x" * 32, reviewer, token) is None
    place, _, mark = token.partition(".")
    for changed in ("", ".", place, f"{place}.", f"{place}A.{mark}", f"{place}.{mark[:-1]}", f"ü{token}"):
        assert look_of(SECRET, reviewer, changed) is None


def test_all_processes_of_a_workspace_share_one_secret_that_others_cannot_read(tmp_path):
    keys = []
    threads = [threading.Thread(target=lambda: keys.append(media_secret(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert stat.S_IMODE((tmp_path / "media.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["media.key"]
    assert media_secret(tmp_path / "not a folder") != media_secret(tmp_path / "not a folder")
