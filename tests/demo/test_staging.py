from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from demo.staging import find_themes, stage
from deskwatch.errors import ConfigError

CONFIG = Path(__file__).parent.parent.parent / "config"
FEEDS = {
    "lantern": ("Lantern", "http://127.0.0.1:8000/lantern/rss.xml"),
    "herald": ("Herald: the paper", "http://127.0.0.1:8000/herald/rss.xml"),
}


def test_staged_config_passes_every_check(tmp_path: Path) -> None:
    stage(tmp_path / "config", CONFIG, FEEDS, 3600)
    for entry in entry_points(group="deskwatch.checks"):
        assert entry.load()(tmp_path / "config") == [], entry.name


def test_all_themes_are_subscribed_to(tmp_path: Path) -> None:
    stage(tmp_path / "config", CONFIG, FEEDS, 3600)
    text = (tmp_path / "config" / "subscriptions" / "demo.yaml").read_text()
    assert all(theme in text for theme in find_themes(CONFIG))


def test_config_without_themes_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="themes:1:1: error: no theme files"):
        stage(tmp_path / "config", tmp_path, FEEDS, 3600)
