from __future__ import annotations

from pathlib import Path

import pytest
from fakes.killing import SLACK_FAULTS, SMTP_FAULTS, Plan, Shard
from fakes.slack import FakeSlack
from fakes.smtp import FakeSmtp

from deskwatch.records import DeliveryState


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan(alerts=20, kills=5, points=4, failovers=2, losses=1, seed=3), id="short"),
        pytest.param(Plan(alerts=200, kills=100, seed=4), id="kills", marks=pytest.mark.system),
        pytest.param(Plan(alerts=60, points=60, seed=5), id="between-writes", marks=pytest.mark.system),
        pytest.param(Plan(alerts=60, failovers=12, losses=4, seed=6), id="failovers", marks=pytest.mark.system),
    ],
)
def test_killed_at_any_point_nothing_is_lost_and_nothing_comes_twice(
    tmp_path: Path, config_dir: Path, plan: Plan
) -> None:
    log = tmp_path / "mainlog"
    with FakeSlack(SLACK_FAULTS, seed=1) as fake_slack, FakeSmtp(SMTP_FAULTS, seed=2, log=log) as fake_smtp:
        shard = Shard(config_dir, fake_slack, fake_smtp, plan)
        shard.run()

        shard.check()
        assert set(shard.mirrored().values()) <= {DeliveryState.SENT, DeliveryState.FOLDED}
        assert shard.amid_work >= 0.4 * shard.killed, "too little work for so many kills"


@pytest.mark.system
def test_without_the_log_of_the_mta_a_mail_comes_twice_only_with_the_same_bytes(
    tmp_path: Path, config_dir: Path
) -> None:
    with FakeSlack(SLACK_FAULTS, seed=4) as fake_slack, FakeSmtp(SMTP_FAULTS, seed=5) as fake_smtp:
        shard = Shard(
            config_dir, fake_slack, fake_smtp, Plan(alerts=120, kills=40, seed=6, with_log=False, follow_ups=False)
        )
        shard.run()

        shard.check()
        assert len(fake_smtp.accepted) > 2 * 120, "no duplicate came about: this run shows nothing"
