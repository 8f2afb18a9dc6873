"""The pages behind the links in messages, over HTTP, for a proxy to publish.

GET only asks, for scanners of mail follow every link; POST acts: the page's button, or the one click of RFC 8058.
A link permits what it says to whoever has it, as an unsubscribe link does: it can keep messages back, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Self
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from alerting.answers import pages
from alerting.answers.filing import Clerk, act
from alerting.answers.pages import HEADERS, Page
from alerting.content.languages.speaking import Speaker, speaker_for, words_for
from alerting.content.message import compose
from alerting.content.offering import PATH, Offerer
from alerting.content.tokens import LIFE, Fault, Order, Signer, TokenError, action_id
from alerting.content.wording import title_of
from alerting.deciding.freezing import occasion_of
from alerting.ledger.ledger import Ledger
from alerting.metrics import AnsweringMetrics
from alerting.rules.matching import match
from alerting.rules.roster import Roster, Subscriber
from alerting.rules.silencing import LONGEST, Silences
from alerting.settings import AlertingSettings
from deskwatch.clock import Clock
from deskwatch.errors import PublishError
from deskwatch.records import Action, DeliveryKind, Verb

VIA: Final = "link"
MAX_BODY: Final = 4096

_ONE_CLICK: Final = b"One-Click"

_log = structlog.get_logger()


class Answering:
    """Answers what links ask; `app` is the web application.

    Args:
        roster: Returns the one that holds.
    """

    def __init__(
        self,
        signer: Signer,
        clerk: Clerk,
        ledger: Ledger,
        roster: Callable[[], Roster],
        silences: Silences,
        *,
        settings: AlertingSettings,
        metrics: AnsweringMetrics,
        clock: Clock,
    ) -> None:
        self._signer = signer
        self._offerer = Offerer(signer=signer, public_url=settings.public_url)
        self._clerk = clerk
        self._ledger = ledger
        self._roster = roster
        self._silences = silences
        self._settings = settings
        self._metrics = metrics
        self._clock = clock

    def app(self) -> web.Application:
        """Return the application; it serves the path of the public address, which a proxy hands on as it is."""
        app = web.Application(client_max_size=MAX_BODY)
        path = f"{urlsplit(self._settings.public_url).path.rstrip('/')}{PATH}{{token}}"
        app.router.add_get(path, self._get)
        app.router.add_post(path, self._post)
        return app

    async def _get(self, request: web.Request) -> web.Response:
        """Say what a link would do; do nothing."""
        try:
            what = self._signer.read(request.match_info["token"], self._clock.now())
        except TokenError as error:
            return self._dead(request, error.fault)
        say = self._speaker(what)
        if what.verb is None:
            page = self._episode(what, say)
            return _answer(page) if page else self._dead(request, Fault.BROKEN)
        if (earlier := self._clerk.filed(action_id(request.match_info["token"]))) is not None:
            return _answer(pages.done(what, what.verb, self._title(what), say, self._name, before=earlier.at))
        cost = self._cost(what) if what.verb in (Verb.SILENCE, Verb.UNSUBSCRIBE) else None
        return _answer(pages.ask(what, what.verb, self._title(what), cost, say, self._name))

    async def _post(self, request: web.Request) -> web.Response:
        """Do what a link says, once."""
        token, now = request.match_info["token"], self._clock.now()
        try:
            what = self._signer.read(token, now)
        except TokenError as error:
            self._count(error.fault)
            return self._dead(request, error.fault)
        if what.verb is None:
            return web.Response(status=405, text="nothing to do here\n", headers={**HEADERS, "Allow": "GET, HEAD"})
        is_one_click = _ONE_CLICK in await request.read()
        say = self._speaker(what)
        try:
            earlier = await self._file(what, what.verb, token, now)
        except PublishError as error:
            self._count("failed")
            _log.warning("action.not_published", detail=str(error))
            return _answer(pages.failed(say, self._name), 503)
        if is_one_click:
            return web.Response(text=f"{say.words.is_done}\n", headers=HEADERS)
        before = earlier.at if earlier else None
        return _answer(pages.done(what, what.verb, self._title(what), say, self._name, before=before))

    async def _file(self, what: Order, verb: Verb, token: str, now: datetime) -> Action | None:
        action = act(
            verb,
            action_id=action_id(token),
            subscriber=what.subscriber,
            target=what.target,
            theme=what.theme,
            spike_id=what.spike_id,
            by=f"{what.subscriber}/{what.target}",
            at=now,
        )
        earlier = await self._clerk.file(action)
        self._count("again" if earlier else "done")
        if earlier is None:
            _log.info("action.filed", via=VIA, verb=verb, target=action.by, theme=what.theme, spike_id=what.spike_id)
        return earlier

    @property
    def _name(self) -> str:
        return self._settings.public_name

    def _count(self, outcome: str) -> None:
        self._metrics.clicks.labels(VIA, outcome).inc()

    def _dead(self, request: web.Request, fault: Fault) -> web.Response:
        """Answer in the browser's language: that of the subscriber is not known."""
        wanted = request.headers.get("Accept-Language", "en")[:20].partition(",")[0].partition(";")[0].strip()
        say = speaker_for(Subscriber(name="", targets=(), language=words_for(wanted).language))
        return _answer(pages.dead(fault, say, self._name), 410 if fault is Fault.EXPIRED else 404)

    def _subscriber(self, what: Order) -> Subscriber:
        gone = Subscriber(name=what.subscriber, targets=())
        return self._roster().subscribers.get(what.subscriber, gone)

    def _speaker(self, what: Order) -> Speaker:
        return speaker_for(self._subscriber(what))

    def _title(self, what: Order) -> str:
        return title_of(what.theme, self._roster().titles.get(what.theme, ""))

    def _cost(self, what: Order) -> tuple[int, int]:
        """Return how many messages about how many episodes it would have kept back in the last 30 days."""
        since = (self._clock.now() - LONGEST).timestamp()
        target = what.target if what.verb is Verb.UNSUBSCRIBE else ""
        return self._ledger.count_opened(what.subscriber, what.theme, since, target)

    def _episode(self, what: Order, say: Speaker) -> Page | None:
        """Return an episode as it stands, as the subscriber would be told of it; None if it is not known."""
        if (spike := self._ledger.spike(what.spike_id)) is None:
            return None
        now = self._clock.now()
        name = f"{what.subscriber}/{what.target}"
        found = next((one for one in match(spike, self._roster(), theme_only=True) if one.name == name), None)
        if found is None:
            return None
        alert = compose(
            spike,
            found,
            title=self._title(what),
            occasion=occasion_of(spike, DeliveryKind.EDIT),
            noted=self._silences.about(what.subscriber, spike.theme, spike.spike_id, now),
            # The links of a page end with the link that led to it.
            offer=self._offerer.offer(what.subscriber, what.target, what.theme, what.spike_id, what.expires_at - LIFE),
        )
        return pages.show(alert, say, self._name)


class AnsweringServer:
    """Serves an application; an asynchronous context manager."""

    def __init__(self, answering: Answering, settings: AlertingSettings, metrics: AnsweringMetrics) -> None:
        self._runner = web.AppRunner(answering.app(), access_log=None, shutdown_timeout=2.0)
        self._settings = settings
        self._metrics = metrics
        self.port = 0

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, self._settings.answer_host, self._settings.answer_port).start()
        self.port = self._runner.addresses[0][1]
        self._metrics.listening.labels(VIA).set(1)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._metrics.listening.labels(VIA).set(0)
        await self._runner.cleanup()


def _answer(page: Page, status: int = 200) -> web.Response:
    return web.Response(
        status=status, text=pages.render_page(page), content_type="text/html", charset="utf-8", headers=HEADERS
    )
