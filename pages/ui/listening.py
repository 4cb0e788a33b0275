"""Whether the server may begin to listen: where other machines reach it, only once people have to sign in."""

from __future__ import annotations

import sys

from labeling.errors import ConfigError, EarmarkError
from labeling.people import users
from pages.ui import proxies, served, signin
from pages.ui.hosts import address, listens_here_only

EXIT_CODE = 2
NOBODY = """this app is to listen on {address}, where others reach it, and nobody has to sign in. Do one of these:
  - add accounts: `earmark users add NAME --role owner --workspace {workspace}`
  - let people sign in with a provider: put [auth] into .streamlit/secrets.toml, see docs/security.md
  - let a proxy sign people in: start with --trust-proxy ADDRESS --user-header X-Forwarded-User
or start with --server.address 127.0.0.1, which only this machine reaches"""


def refuse_strangers() -> None:
    """End the program, with the reason on stderr, where it would let in whoever comes."""
    try:
        proxies.check()
        if reason := _reason():
            raise ConfigError(reason)
    except EarmarkError as problem:
        print(f"error: {problem}", file=sys.stderr)
        raise SystemExit(EXIT_CODE) from None


def _reason() -> str:
    if listens_here_only() or signin.way() in ("proxy", "provider"):
        return ""
    with served.workspace().read() as connection:
        if users.has_accounts(connection):
            return ""
    return NOBODY.format(address=address(), workspace=served.workspace_path())
