"""What is asked for ahead is begun when nobody waits for anything, and never where its client has gone past it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from pages.ui.routes import turns
from pages.ui.routes.turns import AHEAD, Turns


class House:
    """An app whose answers take until they are told to, and what was begun in it."""

    def __init__(self, longest_s: float = 60.0) -> None:
        self.begun: list[str] = []
        self.may_end: dict[str, asyncio.Event] = {}
        self.turns = Turns(self.answer, longest_s)

    async def answer(self, scope, receive, send) -> None:
        name = scope["path"].rsplit("/", 1)[-1]
        self.begun.append(name)
        assert (await receive())["type"] == "http.request"
        await self.may_end.setdefault(name, asyncio.Event()).wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        if name.endswith("slow"):  # its client reads slowly
            await asyncio.Event().wait()
        await send({"type": "http.response.body", "body": b""})

    def ask(
        self, name: str, *, ahead: bool = False, folder: str = "/clips/"
    ) -> tuple[asyncio.Task[None], asyncio.Event]:
        """Ask for something; the event is set where its client goes."""
        gone, told = asyncio.Event(), [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive():
            if told:
                return told.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            pass

        headers = [(AHEAD, b"1")] if ahead else []
        scope = {"type": "http", "path": f"{folder}{name}", "headers": headers}
        return asyncio.ensure_future(self.turns(scope, receive, send)), gone

    async def end(self, name: str) -> None:
        self.may_end.setdefault(name, asyncio.Event()).set()
        await settled()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def run(case) -> None:
    with ThreadPoolExecutor(1) as apart:  # a browser that other tests drive keeps a loop running in this thread
        apart.submit(asyncio.run, asyncio.wait_for(case, 20)).result()


def test_what_somebody_waits_for_goes_first(monkeypatch):
    monkeypatch.setattr(turns, "AT_ONCE", 1)

    async def case():
        house = House()
        house.ask("shown")
        house.ask("pressed", folder="/base/api/")
        house.ask("next", ahead=True)
        house.ask("later", ahead=True)
        await settled()
        assert house.begun == ["shown", "pressed"]
        await house.end("shown")
        assert house.begun == ["shown", "pressed"]
        await house.end("pressed")
        assert house.begun == ["shown", "pressed", "next"]
        house.ask("anew")
        await settled()
        assert house.begun[3:] == ["anew"]  # it waits for nothing
        await house.end("next")
        assert len(house.begun) == 4
        await house.end("anew")
        assert house.begun[4:] == ["later"]

    run(case())


def test_what_was_passed_is_never_begun():
    async def case():
        house = House()
        house.ask("shown")
        task, gone = house.ask("passed", ahead=True)
        kept, _ = house.ask("next", ahead=True)
        await settled()
        gone.set()
        await task
        await house.end("shown")
        await house.end("next")
        await kept
        assert house.begun == ["shown", "next"]

    run(case())


def test_as_many_as_may_are_begun_at_once(monkeypatch):
    monkeypatch.setattr(turns, "AT_ONCE", 2)

    async def case():
        house = House()
        for name in "abc":
            house.ask(name, ahead=True)
        await settled()
        assert house.begun == ["a", "b"]
        await house.end("b")
        assert house.begun == ["a", "b", "c"]

    run(case())


def test_a_client_that_reads_slowly_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(turns, "AT_ONCE", 1)

    async def case():
        house = House()
        for name in ("slow", "ahead_slow"):
            house.ask(name, ahead="ahead" in name)
            await house.end(name)
        house.ask("next", ahead=True)
        await settled()
        assert house.begun == ["slow", "ahead_slow", "next"]

    run(case())


def test_on_a_server_that_never_rests_it_waits_only_so_long():
    async def case():
        house = House(longest_s=0.05)
        house.ask("shown")
        house.ask("next", ahead=True)
        while house.begun != ["shown", "next"]:
            await asyncio.sleep(0.01)

    run(case())


def test_an_answer_that_fails_is_over():
    async def case():
        house = House()

        async def fails(scope, receive, send):
            raise RuntimeError

        house.turns.app, kept = fails, house.turns.app
        task, _ = house.ask("shown")
        with pytest.raises(RuntimeError):
            await task
        house.turns.app = kept
        house.ask("next", ahead=True)
        await settled()
        assert house.begun == ["next"]

    run(case())
