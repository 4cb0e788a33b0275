"""What each role may do: one table for the pages, the routes and the commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from labeling.errors import DataError, NotAllowed

Role = Literal["nobody", "viewer", "reviewer", "adjudicator", "owner"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may."""

MEANING: Mapping[Role, str] = {
    "nobody": "is not let in",
    "viewer": "looks and listens",
    "reviewer": "decides too",
    "adjudicator": "settles unlike verdicts, freezes label versions and goes back to one, too",
    "owner": "imports, trains, exports, and says who may do what",
}


@dataclass(frozen=True)
class Person:
    """Who asks, and as what. ``name`` is "" where nobody needs to sign in."""

    name: str
    role: Role


ALONE = Person("", "owner")
"""Who is at a server that only this machine reaches, where nobody has an account."""

NEEDS: Mapping[str, Role] = {
    # what the server answers, by method and path
    "GET /assets/{rest:path}": "nobody",  # scripts, that are the same for everybody
    "GET /signin": "nobody",
    "POST /signin": "nobody",
    "POST /signout": "nobody",
    "GET /healthz": "nobody",
    "GET /readyz": "nobody",  # words alone, and no figures but a worker's silence
    "GET /metrics": "viewer",
    "GET /clips/vocabulary": "viewer",
    "GET /clips/{clip_id:id}/audio": "viewer",
    "GET /clips/{clip_id:id}/tile": "viewer",
    "GET /clips/{clip_id:id}/peaks": "viewer",
    "GET /clip/{place}": "viewer",
    "GET /suspects": "viewer",
    "GET /api/clips/{clip_id:id}": "viewer",
    "GET /api/clips/{clip_id:id}/lanes": "viewer",
    "GET /api/snippets": "viewer",
    "GET /api/snippets/verdicts": "viewer",
    "GET /api/similar": "viewer",
    "GET /api/next": "viewer",
    "GET /api/chosen": "viewer",
    "GET /api/map/points": "viewer",
    "GET /api/map/colours": "viewer",
    "GET /api/map/passing": "viewer",
    "GET /api/map/stretch": "viewer",
    "GET /api/map/near": "viewer",
    "GET /api/map/clusters": "viewer",
    "GET /api/map/cluster": "viewer",
    "POST /api/map/area": "viewer",
    "GET /api/activity": "viewer",
    "GET /api/progress": "viewer",
    "GET /api/changes": "viewer",
    "GET /api/people": "viewer",
    "GET /api/list": "viewer",
    "GET /api/queue": "viewer",
    "POST /api/preferences": "viewer",
    "POST /api/decisions": "reviewer",
    "POST /api/cells": "reviewer",
    "POST /api/undo": "reviewer",
    "POST /api/classes": "reviewer",
    "POST /api/marks": "reviewer",
    "POST /api/channel": "reviewer",
    "POST /api/lease": "reviewer",
    # the pages, by the names of their files, and what is done in them
    "page overview": "viewer",
    "page queue": "viewer",
    "page review": "viewer",
    "page sweep": "viewer",
    "page map": "viewer",
    "page activity": "viewer",
    "page team": "viewer",
    "page quality": "viewer",
    "page runs": "viewer",
    "page versions": "viewer",
    "page agreement": "viewer",
    "page adjudicate": "adjudicator",
    "page importing": "owner",
    "page retrain": "owner",
    "page predict": "owner",
    "decide": "reviewer",
    "cut clips": "reviewer",
    "share views": "reviewer",
    "adjudicate": "adjudicator",
    "freeze versions": "adjudicator",
    "go back to versions": "adjudicator",
    "set looks": "owner",
    "assign work": "owner",
    "replay reviews": "owner",
    "measure priors": "owner",
    "make maps": "owner",
    "combine runs": "owner",
    "bring predictions": "owner",
    "relink files": "owner",
    "export": "owner",
    # the commands of `earmark`
    "earmark formats": "nobody",
    "earmark recipes": "nobody",
    "earmark doctor": "nobody",  # it opens what the files let it open
    "earmark ready": "nobody",
    "earmark status": "viewer",
    "earmark suspects": "viewer",
    "earmark search": "viewer",
    "earmark next": "viewer",
    "earmark classes list": "viewer",
    "earmark runs": "viewer",
    "earmark rounds": "viewer",
    "earmark gain": "viewer",
    "earmark leaks": "viewer",
    "earmark noise": "viewer",
    "earmark agreement": "viewer",
    "earmark digest": "viewer",
    "earmark activity": "viewer",
    "earmark threshold": "viewer",
    "earmark evaluate": "viewer",
    "earmark decide": "reviewer",
    "earmark cut": "reviewer",
    "earmark classes add": "reviewer",
    "earmark freeze": "adjudicator",
    "earmark app": "owner",
    "earmark import": "owner",
    "earmark relink": "owner",
    "earmark demo": "owner",
    "earmark export": "owner",
    "earmark score": "owner",
    "earmark predictions": "owner",
    "earmark embeddings": "owner",
    "earmark replay": "owner",
    "earmark train": "owner",
    "earmark rerun": "owner",
    "earmark work": "owner",
    "earmark predict": "owner",
    "earmark embed": "owner",
    "earmark map": "owner",
    "earmark ensemble": "owner",
    "earmark stack": "owner",
    "earmark stage1": "owner",
    "earmark stage2": "owner",
    "earmark stage3": "owner",
    "earmark iterate": "owner",
    "earmark store set": "owner",
    "earmark store show": "owner",
    "earmark store push": "owner",
    "earmark store pull": "owner",
    "earmark store check": "owner",
    "earmark backup": "owner",
    "earmark restore": "owner",
    "earmark database move": "owner",
    "earmark team list": "viewer",
    "earmark team looks": "owner",
    "earmark team assign": "owner",
    "earmark team unassign": "owner",
    "earmark users add": "owner",
    "earmark users list": "owner",
    "earmark users remove": "owner",
    "earmark users role": "owner",
    "earmark users others": "owner",
    "earmark users password": "owner",
    "earmark users token": "owner",
    "earmark users revoke": "owner",
}
"""What is asked for, and the least role that may. What is not in here nobody may."""


def may(person: Person, what: str) -> bool:
    """Whether a person may do something of `NEEDS`."""
    least = NEEDS.get(what)
    return least is not None and ROLES.index(person.role) >= ROLES.index(least)


def refusal(person: Person, what: str) -> str:
    """Why a person may not do something, in words; "" where they may."""
    if may(person, what):
        return ""
    if person.role == "nobody":
        return f"{person.name or 'who asks'} has no role in this workspace; ask an owner for one"
    least = NEEDS.get(what)
    if least is None:
        return f"{what!r} has no entry in the table of roles, so nobody may do it; please report this"
    return f"this needs the role {least}, and {person.name} is {a(person.role)}; ask an owner"


def check(person: Person, what: str) -> None:
    """Raise NotAllowed where a person may not do something of `NEEDS`."""
    if reason := refusal(person, what):
        raise NotAllowed(reason)


def a(role: Role) -> str:
    """A role with its article."""
    return f"an {role}" if role[0] in "ao" else f"a {role}"


def as_role(text: str) -> Role:
    """The role of that name; raises DataError where there is none."""
    for role in ROLES:
        if role == text:
            return role
    raise DataError(f"no role is called {text!r}; give one of {', '.join(ROLES)}")
