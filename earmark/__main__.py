"""One command for all: ``earmark import``, ``earmark train``, ``earmark app``; ``earmark --help`` lists the rest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from earmark.version import __version__
from labeling.commands.ending import ended_tidily, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 = done, 1 = a clear message on stderr, 2 = wrong usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = words[0] if words else ""
    if name in OWN:
        return run_command(_parser().parse_args(words))
    import labeling.__main__ as labels
    import models.__main__ as training

    groups = {command: module for module in (training, labels) for command in _commands(module.parser("earmark"))}
    if name in groups:
        module = groups[name]
        return run_command(module.parser("earmark").parse_args(words))
    _parser({command: _help(module.parser("earmark"), command) for command, module in groups.items()}).parse_args(words)
    return 0


def _commands(parser: argparse.ArgumentParser) -> dict[str, str]:
    """The names of a parser's commands, with their help."""
    (action,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {choice.dest: choice.help or "" for choice in action._choices_actions}


def _help(parser: argparse.ArgumentParser, command: str) -> str:
    return _commands(parser)[command]


def _parser(others: dict[str, str] | None = None) -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="earmark", description="Find and fix the wrong and missing labels of an audio collection."
    )
    top.add_argument("--version", action="version", version=f"earmark {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parser = commands.add_parser("app", help=OWN["app"], description=OWN["app"])
    _app_flags(parser)
    parser.add_argument("--workspace", "-w", required=True, metavar="W", help="the workspace's folder")
    parser.set_defaults(action=_app)
    parser = commands.add_parser("demo", help=OWN["demo"], description=OWN["demo"])
    _app_flags(parser)
    parser.add_argument("--workspace", "-w", default="demo", metavar="W", help="the workspace's folder (demo)")
    parser.add_argument("--clips", type=int, default=160, metavar="N", help="how many clips (160)")
    parser.add_argument("--no-app", action="store_true", help="only make and train it")
    parser.set_defaults(action=_demo)
    parser = commands.add_parser("doctor", help=OWN["doctor"], description=OWN["doctor"])
    # not ``workspace``: one that cannot be opened is what it is to tell of
    parser.add_argument("--workspace", "-w", dest="place", metavar="W", help="a workspace to look at, too")
    parser.add_argument("--url", default="", metavar="URL", help="the address by which people open the app")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(action=_doctor)
    for command, text in (others or {}).items():
        if command not in OWN:
            commands.add_parser(command, help=text.replace("%", "%%"))
    return top


OWN = {
    "app": "Open the app on a workspace.",
    "doctor": "Say what is wrong with this installation, and with a workspace.",
    "demo": "Make a small synthesised collection with planted label errors, train on it, and open the app.",
}


def _app_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8501, metavar="N", help="where the app listens (8501)")
    parser.add_argument(
        "--allow", metavar="DIR", action="append", default=[], help="a folder that pages may use; may be given again"
    )
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        metavar="A",
        help="where it listens; beyond this machine people have to sign in",
    )
    parser.add_argument(
        "--host",
        metavar="NAME",
        action="append",
        default=[],
        help="a name that the app is called by; may be given again",
    )
    parser.add_argument(
        "--trust-proxy", metavar="ADDRESS", action="append", default=[], help="a proxy that signs people in"
    )
    parser.add_argument(
        "--user-header", default="", metavar="NAME", help="the header in which that proxy names the user"
    )


def _app(args: argparse.Namespace) -> None:
    from earmark.app import start
    from labeling.workspace import open_workspace

    open_workspace(args.workspace, create=True).close()
    more = ["--server.address", args.address]
    more += [word for name in args.host for word in ("--server.allowedHosts", name)]
    ours = [word for proxy in args.trust_proxy for word in ("--trust-proxy", proxy)]
    ours += ["--user-header", args.user_header] if args.user_header else []
    process = start(Path(args.workspace), port=args.port, allow=args.allow, more=more, ours=ours)
    try:
        with ended_tidily():  # a container is stopped by SIGTERM to this process alone
            code = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return
    if code > 0:
        raise SystemExit(code)  # the server has said why


def _doctor(args: argparse.Namespace) -> None:
    import json

    from earmark.doctor import as_rows, look, report
    from labeling.errors import WorkspaceError

    findings = look(Path(args.place).expanduser().resolve() if args.place else None, args.url)
    print(json.dumps(as_rows(findings), indent=1) if args.json else report(findings))
    if bad := sum(finding.level == "bad" for finding in findings):
        raise WorkspaceError(f"{bad} of {len(findings)} findings are bad; see the lines that begin with BAD")


def _demo(args: argparse.Namespace) -> None:
    import labeling.__main__ as labels
    import models.__main__ as training
    from labeling import runs
    from labeling.workspace import open_workspace

    where = ["--workspace", args.workspace]
    if not (Path(args.workspace) / "earmark.db").exists():
        labels.main(["demo", *where, "--clips", str(args.clips)])
    workspace = open_workspace(args.workspace)
    with workspace.read() as connection:
        trained = any(run.status == "done" for run in runs.all_runs(connection))
    workspace.close()
    if not trained:
        training.main(["train", "linear", *where])
    if not args.no_app:
        _app(args)


if __name__ == "__main__":
    sys.exit(main())
