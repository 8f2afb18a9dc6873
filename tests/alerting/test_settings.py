from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alerting.channels.wiring import create_channels
from alerting.rules.subscriptions import load
from alerting.settings import AlertingSettings, read_secret
from deskwatch.errors import ConfigError
from deskwatch.settings import load_section


@pytest.mark.parametrize(
    "values",
    [
        {"smtp_tls": "none", "smtp_host": "mail.example.org"},
        {"smtp_password_env": "A", "smtp_password_file": "/b"},
        {"slack_token_env": "A", "slack_token_file": "/b"},
        {"slack_app_token_env": "A", "slack_app_token_file": "/b"},
        {"action_secret_env": "A", "action_secret_file": "/b"},
        {"public_url": "http://desk.example"},
        {"public_url": "https://desk.example/?a=b"},
        {"public_url": "https://user:word@desk.example"},
        {"public_url": "https://desk.example/>,<mailto:x@y"},
        {"public_url": "desk.example"},
        {"dkim_selector": "news"},
        {"dkim_key_file": "/k"},
        {"ntfy_token_env": "A", "ntfy_token_file": "/b"},
        {"ntfy_base_url": "ntfy.example.org"},
        {"ntfy_base_url": "http://ntfy.example.org", "ntfy_token_env": "A"},
        {"pagerduty_base_url": "https://user:secret@events.example"},
        {"feed_url": "desk.example/feeds"},
        {"sender": "nobody"},
        {"contact": "nobody"},
    ],
)
def test_what_could_not_work_or_would_be_unsafe_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"no address|is no (https )?address|this machine only|(exclude|need) each other"
    ):
        AlertingSettings(**values)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_may_do_without_tls(host: str) -> None:
    assert AlertingSettings(smtp_tls="none", smtp_host=host).smtp_host == host


def test_a_secret_is_read_from_where_the_settings_point(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from a file\n")

    assert read_secret({"TOKEN": "from env"}, env="TOKEN", file="", what="token") == "from env"
    assert read_secret({}, env="", file=str(file), what="token") == "from a file"
    assert read_secret({}, env="", file="", what="token") == ""
    with pytest.raises(ConfigError, match=r"\$TOKEN:1:1: error: is not set, but holds the token"):
        read_secret({}, env="TOKEN", file="", what="token")
    with pytest.raises(ConfigError, match="No such file"):
        read_secret({}, env="", file=str(tmp_path / "none"), what="token")


def test_a_literal_secret_is_no_setting(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("alerting:\n  slack_token: xoxb-1\n")

    with pytest.raises(ConfigError, match=r"2:3: error: unknown key 'slack_token'"):
        load_section(AlertingSettings, "alerting", {}, file)


def test_slack_targets_need_a_token_unless_a_folder_takes_everything(config_dir: Path, tmp_path: Path) -> None:
    roster = load(config_dir)

    with pytest.raises(ConfigError, match="china-desk/slack is a Slack channel"):
        create_channels(AlertingSettings(), roster, {})
    channels = create_channels(AlertingSettings(outbox_dir=str(tmp_path / "out")), roster, {})
    assert channels["mail"] is channels["slack"]
