"""The screen of one who has not signed in, or has no role, and the button by which one leaves."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import streamlit as st
from streamlit.errors import Error

from labeling.people import roles
from pages.ui import session, signin

NO_NAME = "Your account has neither a checked e-mail address nor an id; ask for one where accounts are kept."
SET_UP_WRONGLY = "Sign-in is set up, but not rightly, so nobody is let in; the server's log says what is wrong."
AT_THE_DOOR = "<script>location.reload();</script>"  # the server then sends one to the form (pages/ui/routes/gate.py)
_log = logging.getLogger(__name__)


def show() -> None:
    """What is shown in the place of a page: a way to sign in, or why there is none."""
    st.title("Earmark")
    person = signin.at_the_page()
    if person.name:
        st.error(session.plain(f"{roles.refusal(person, 'page overview')}."), icon=":material/lock:")
        sign_out()
        return
    found = signin.way()
    if found == "accounts":
        st.info("You are not signed in any more.", icon=":material/lock:")
        st.html(AT_THE_DOOR, unsafe_allow_javascript=True)
    elif found == "proxy":
        st.error("Only who comes through the sign-in of this server's proxy is let in.", icon=":material/lock:")
    else:
        _providers_buttons()


def _providers_buttons() -> None:
    user = st.user.to_dict()
    if user.get("is_logged_in") and not signin.name_of(user):
        st.error(NO_NAME, icon=":material/error:")
        sign_out()
        return
    try:
        names = _providers()
    except Exception as problem:
        st.error(SET_UP_WRONGLY, icon=":material/error:")
        _log.error("the secrets that set up the sign-in cannot be read: %s", problem)
        return
    st.markdown("Sign in to listen and decide; every decision is kept under your name.")
    for name in names:
        if st.button(f"Sign in with {name}" if name else "Sign in", key=f"sign_in:{name}", icon=":material/login:"):
            try:
                st.login(name or None)
            except Error as problem:  # authlib is missing, or a key of the secrets
                st.error(SET_UP_WRONGLY, icon=":material/error:")
                _log.error("the sign-in is set up wrongly: %s", problem)


def _providers() -> list[str]:
    """Names of the providers in the secrets, "" for the one without a name."""
    section = st.secrets.get("auth", {})
    named = [name for name, value in section.items() if isinstance(value, Mapping) and "client_id" in value]
    return [""] * ("client_id" in section or (not named and bool(section))) + named


def sign_out() -> None:
    """A button, for who signed in here; a proxy has its own."""
    if signin.way() in ("accounts", "provider"):
        st.button("Sign out", icon=":material/logout:", on_click=_leave, key="sign_out")


def _leave() -> None:
    with session.messages():
        signin.end(st.context.cookies)
        if signin.way() == "provider":
            st.logout()
