"""labeling/log/redaction.py: no secret passes, and what is none is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeling.log.redaction import GONE, keep_out, known_here, redacted

PLANTED = "Pl4nted-s3cret_value"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql+psycopg://olga:{PLANTED}@db:5432/birds?sslmode=require",
        f"redis://:{PLANTED}@cache/0",
        f"GET /clips/7/audio?expires=12&token={PLANTED}&level=3",
        f"https://s3.example/a.wav?X-Amz-Credential={PLANTED}&X-Amz-Signature={PLANTED}&X-Amz-Security-Token={PLANTED}",
        f"/oauth2callback?code={PLANTED}&state={PLANTED}",
        f"Authorization: Bearer {PLANTED}",
        f"authorization: Basic {PLANTED}==",
        f"Cookie: _streamlit_user={PLANTED}; earmark_0123456789={PLANTED}; theme={PLANTED}",
        f"Set-Cookie: earmark_0123456789={PLANTED}; Path=/; HttpOnly",
        f"X-Earmark: 1796043.cml0YQ==.{PLANTED}",
        f"(b'cookie', b'a={PLANTED}; b={PLANTED}'), (b'accept', b'*/*')",
        f"{{'password': '{PLANTED}', 'name': 'ann'}}",
        f'{{"client_secret": "{PLANTED}", "cookie_secret":"{PLANTED}"}}',
        f"ValueError: ('password', '{PLANTED}') is no pair",
        f"name=ann&password={PLANTED}&next=/",
        f"AWS_SECRET_ACCESS_KEY={PLANTED}",
        f"aws_secret_access_key = {PLANTED}",
        f"media_key: {PLANTED}",
        f"the token em_{PLANTED} is of 'rita'",
        f"PGPASSWORD={PLANTED} psql",
    ],
)
def test_what_has_the_shape_of_a_secret_goes(text: str) -> None:
    clean = redacted(text)
    assert PLANTED not in clean
    assert GONE in clean
    assert redacted(clean) == clean, "a second time nothing changes"


@pytest.mark.parametrize(
    "text",
    [
        "run 001-quick: fold 2/5, 12 clips, class amecro",
        "https://birds.example/queue?class=amecro&p=0.2",
        "cannot write to /data/birds: Permission denied; check its permissions",
        "401 www-authenticate: Basic realm=birds",
        'Traceback (most recent call last):\n  File "/x/tokens.py", line 7, in person_of',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_what_a_request_came_with_goes_wherever_it_stands_and_however_it_is_written() -> None:
    with known_here(["p@ss wörd/1", "1"]):
        assert redacted("p@ss wörd/1 or p%40ss%20w%C3%B6rd/1 or p%40ss+w%C3%B6rd%2F1, 1 time") == (
            f"{GONE} or {GONE} or {GONE}, 1 time"
        )
        keep_out("hunter22")
        assert redacted("hunter22 is wrong") == f"{GONE} is wrong"
    assert redacted("p@ss wörd/1 hunter22") == "p@ss wörd/1 hunter22", "the next request has others"


def test_what_the_environment_holds_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-a-file\n")
    monkeypatch.setenv("EARMARK_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("EARMARK_DATABASE_URL", "postgresql://u:in%40the-url@h/d")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-store")
    text = f"{tmp_path}/password from-a-file in%40the-url in@the-url of-the-store"
    assert redacted(text) == f"{tmp_path}/password {GONE} {GONE} {GONE} {GONE}"
