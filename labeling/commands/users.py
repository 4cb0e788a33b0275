"""users add, list, remove, role, others, password, token, revoke: who may come in, and as what."""

from __future__ import annotations

import argparse
import getpass
import sys

from labeling.commands.base import AddCommand, opened
from labeling.commands.ending import checked_text
from labeling.errors import DataError
from labeling.people.roles import MEANING, ROLES, a
from labeling.storage.text import printable


def add(command: AddCommand) -> None:
    """Add this group's commands."""
    roles = ", ".join(f"{role}: {MEANING[role]}" for role in ROLES)

    parser = command("users add", _add, "Add somebody. Their password is asked for, or read from the standard input.")
    parser.add_argument("name", metavar="NAME", help="as decisions bear it; the e-mail address, with a provider")
    parser.add_argument("--role", required=True, choices=ROLES[1:], help=roles)
    parser.add_argument(
        "--no-password", action="store_true", help="for one who signs in elsewhere: with a provider, or at a proxy"
    )

    command("users list", _list, "Who may come in, as what, and with which tokens.")

    parser = command("users remove", _remove, "Take somebody out, with their sign-ins and tokens; decisions stay.")
    parser.add_argument("name", metavar="NAME")

    parser = command("users role", _role, "Give somebody another role; it holds at once.")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("role", metavar="ROLE", choices=ROLES, help=roles)

    parser = command("users others", _others, "Say what everybody else may do whom a provider or a proxy lets in.")
    parser.add_argument("role", metavar="ROLE", choices=ROLES, help=roles)

    parser = command("users password", _password, "Give somebody another password; their sign-ins end.")
    parser.add_argument("name", metavar="NAME")

    parser = command("users token", _token, "Make a token by which a script comes in as somebody. It is shown once.")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--for", dest="purpose", default="", metavar="TEXT", help="what it is for, for the list")

    parser = command("users revoke", _revoke, "Take a token back; it ends at once.")
    parser.add_argument("number", metavar="NUMBER", type=int, help="the token's, from `users list`")


def _add(args: argparse.Namespace) -> None:
    from labeling.people import passwords, users

    name = checked_text("NAME", args.name)
    workspace = opened(args, create=True)
    with workspace.read() as connection:  # what is wrong with the name is said before a password is asked for
        users.check_new(connection, name)
    kept = "" if args.no_password else passwords.hashed(_asked_password(name))
    with workspace.write() as connection:
        user = users.add_user(connection, name, args.role, kept)
    print(printable(f"{user.name} is {a(user.role)} now, who {MEANING[user.role]}"))


def _list(args: argparse.Namespace) -> None:
    from labeling.people import tokens, users

    with opened(args).read() as connection:
        known, every_token = users.all_users(connection), tokens.all_tokens(connection)
        others = users.role_of(connection, users.OTHERS)
    width = max((len(user.name) for user in known), default=0)
    for user in known:
        how = "" if user.has_password else "  signs in elsewhere"
        print(printable(f"{user.name:{width}}  {user.role}{how}"))
        for token in every_token:
            if token.user_name == user.name:
                purpose = f" for {token.purpose}" if token.purpose else ""
                print(printable(f"  token {token.id}{purpose}, made {token.created_at[:10]}"))
    if not known:
        print("no users: whoever reaches this machine's own address is its owner")
    print(f"everybody else whom a provider or a proxy lets in: {others}, who {MEANING[others]}")


def _remove(args: argparse.Namespace) -> None:
    from labeling.people import users

    with opened(args).write() as connection:
        user = users.remove_user(connection, checked_text("NAME", args.name))
        others = users.role_of(connection, user.name)
        accounts = users.has_accounts(connection)
    print(printable(f"{user.name} is out; sign-ins and tokens have ended, decisions stay"))
    if not user.has_password and others != "nobody":
        print(printable(
            f"where a provider or a proxy lets {user.name} in, they are {a(others)} as everybody else; to keep them "
            f"out, add them with the role nobody"
        ))  # fmt: skip
    if user.has_password and not accounts:
        print("nobody has a password any more: on this machine's own address the app asks for none")


def _role(args: argparse.Namespace) -> None:
    from labeling.people import users

    with opened(args).write() as connection:
        user = users.set_role(connection, checked_text("NAME", args.name), args.role)
    print(printable(f"{user.name} is {a(user.role)} now, who {MEANING[user.role]}"))


def _others(args: argparse.Namespace) -> None:
    from labeling.people import users

    with opened(args, create=True).write() as connection:
        users.set_role_of_others(connection, args.role)
    print(f"everybody else whom a provider or a proxy lets in is {a(args.role)} now, who {MEANING[args.role]}")


def _password(args: argparse.Namespace) -> None:
    from labeling.people import passwords, users

    workspace, name = opened(args), checked_text("NAME", args.name)
    with workspace.read() as connection:
        name = users.get_user(connection, name).name
    kept = passwords.hashed(_asked_password(name))
    with workspace.write() as connection:
        users.set_password_hash(connection, name, kept)
    print(printable(f"{name} has another password; whoever was signed in as {name} has to sign in again"))


def _token(args: argparse.Namespace) -> None:
    from labeling.people import tokens

    with opened(args).write() as connection:
        token = tokens.make(connection, checked_text("NAME", args.name), checked_text("--for", args.purpose))
    print(token)
    print("it is shown this once; send it as `Authorization: Bearer TOKEN`", file=sys.stderr)


def _revoke(args: argparse.Namespace) -> None:
    from labeling.people import tokens

    with opened(args).write() as connection:
        token = tokens.revoke(connection, args.number)
    print(printable(f"token {token.id} of {token.user_name} has ended"))


def _asked_password(name: str) -> str:
    """A password from the terminal, typed twice unseen, or the first line of the standard input."""
    if not sys.stdin.isatty():
        try:
            return sys.stdin.readline().rstrip("\r\n")
        except UnicodeDecodeError as problem:
            raise DataError(f"the password is not valid Unicode: {problem.reason}; give it as UTF-8") from None
    password = getpass.getpass(f"Password of {printable(name)}: ")
    if getpass.getpass("Again: ") != password:
        raise DataError("the two passwords differ; nothing was stored, try again")
    return password
