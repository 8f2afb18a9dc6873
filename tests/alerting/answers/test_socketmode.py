"""Slack's Socket Mode against a strict fake: greeted, acknowledged at once, connected again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from fakes.socketmode import APP_TOKEN, FakeSocketMode
from prometheus_client import CollectorRegistry

from alerting.answers.clicking import Click
from alerting.answers.socketmode import SocketMode
from alerting.metrics import AnsweringMetrics
from deskwatch.records import Verb


@dataclass
class Listener:
    fake: FakeSocketMode
    token: str = APP_TOKEN
    refusals: int = 0
    clicks: list[Click] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    async def file(self, click: Click) -> bool:
        if self.refusals:
            self.refusals -= 1
            return False
        self.clicks.append(click)
        return True

    def listening(self) -> float | None:
        return self.registry.get_sample_value("deskwatch_action_listening_ratio", {"via": "slack"})

    def ignored(self) -> float:
        labels = {"via": "slack", "outcome": "ignored"}
        return self.registry.get_sample_value("deskwatch_action_clicks_total", labels) or 0.0

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)


def listen(scenario: Callable[[Listener, FakeSocketMode], Awaitable[None]], **options: object) -> Listener:
    """Run a scenario beside a listener, and return what it got."""

    async def run() -> Listener:
        async with FakeSocketMode() as fake:
            listener, stop = Listener(fake, **options), asyncio.Event()  # type: ignore[arg-type]
            mode = SocketMode(
                base_url=fake.url,
                token=listener.token,
                timeout_s=5.0,
                file=listener.file,
                metrics=AnsweringMetrics(listener.registry),
                retry_base_s=0.01,
                retry_max_s=0.02,
            )
            running = asyncio.create_task(mode.run(stop))
            try:
                await scenario(listener, fake)
            finally:
                stop.set()
                await asyncio.wait_for(running, 10)
            assert fake.wrong == []
            assert listener.listening() == 0
            return listener

    return asyncio.run(run())


def test_a_press_is_acknowledged_and_filed() -> None:
    async def scenario(listener: Listener, fake: FakeSocketMode) -> None:
        await fake.until(lambda: fake.connected == 1)
        await fake.press(verb="acknowledge", user="ann")
        await fake.press(verb="silence", user="bob")
        await listener.until(lambda: len(listener.clicks) == 2)
        assert listener.listening() == 1

    clicks = listen(scenario).clicks
    assert [(click.verb, click.by) for click in clicks] == [(Verb.ACKNOWLEDGE, "ann"), (Verb.SILENCE, "bob")]


def test_a_press_is_acknowledged_while_the_broker_is_away_and_filed_afterwards() -> None:
    async def scenario(listener: Listener, fake: FakeSocketMode) -> None:
        await fake.until(lambda: fake.connected == 1)
        await fake.press()
        await listener.until(lambda: len(listener.clicks) == 1)

    assert listen(scenario, refusals=3).refusals == 0


def test_it_connects_again_when_slack_asks_for_it_and_when_the_connection_drops() -> None:
    async def scenario(listener: Listener, fake: FakeSocketMode) -> None:
        await fake.until(lambda: fake.connected == 1)
        await fake.send({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})
        await fake.until(lambda: fake.connected == 2)
        fake.drop()
        await fake.until(lambda: fake.connected == 3)
        await fake.press()
        await listener.until(lambda: len(listener.clicks) == 1)

    listen(scenario)


def test_it_tries_again_until_slack_lets_it_in() -> None:
    async def scenario(listener: Listener, fake: FakeSocketMode) -> None:
        await fake.until(lambda: fake.connected == 1)
        fake.open_script += [
            web.Response(status=500, text="oops"),
            web.Response(text="<html>log in</html>", content_type="text/html"),
            web.json_response({"ok": False, "error": "ratelimited"}, status=429),
            web.json_response({"ok": True, "url": "http://127.0.0.1:1/"}),
            web.json_response({"ok": True, "url": "wss://127.0.0.1:1/"}),
            web.json_response({"ok": True, "url": {"a": 1}}),
            web.json_response(["ok"]),
        ]
        fake.drop()
        await fake.until(lambda: fake.connected == 2)
        assert fake.opened == 9

    listen(scenario)


def test_a_wrong_token_listens_to_nothing_and_keeps_trying() -> None:
    async def scenario(listener: Listener, fake: FakeSocketMode) -> None:
        await fake.until(lambda: fake.opened >= 3)
        assert fake.connected == 0
        assert listener.listening() == 0

    listen(scenario, token="revoked")


@pytest.mark.parametrize("frame", ["no json", "[]", b"\x00\xff", {"type": "hi"}, {"type": "interactive"}, "[" * 9999])
def test_hostile_frames_are_counted_and_the_next_press_is_heard(frame: str | bytes) -> None:
    async def scenario(listener: Listener, fake: FakeSocketMode) -> None:
        await fake.until(lambda: fake.connected == 1)
        await fake.send(frame)
        await fake.press()
        await listener.until(lambda: len(listener.clicks) == 1)
        assert fake.connected == 1

    assert listen(scenario).ignored() == 1
