"""The config directory of a demo: the simulated outlets as feeds, two desks as subscribers, the themes as they are."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from deskwatch.configfile import Problem
from deskwatch.errors import ConfigError

THEMES: Final = "themes"

_SUBSCRIPTIONS: Final = """\
subscribers:
  - name: china-desk
    timezone: Asia/Taipei
    targets:
      - {name: mail, email: china-desk@example.org}
      - {name: slack, slack: "#china-desk"}
  - name: world-desk
    timezone: Europe/London
    targets:
      - {name: mail, email: world-desk@example.org}
subscriptions:
  - name: china
    subscriber: china-desk
    themes: [CHINA]
    min_severity: high
  - name: everything-else
    subscriber: world-desk
    themes: [OTHERS]
    min_severity: high
"""
_CHINA: Final = ("taiwan", "south-china-sea", "us-china-diplomacy")


def find_themes(config_dir: Path) -> list[str]:
    """Return the ids of the themes of a config directory.

    Raises:
        ConfigError: it has none.
    """
    directory = config_dir / THEMES
    found = sorted(path.stem for path in directory.glob("*.yaml"))
    if not found:
        what = "no theme files (*.yaml); run the demo in the project's directory, or name one with --config"
        raise ConfigError([Problem(str(directory), 1, 1, what)])
    return found


def stage(directory: Path, config_dir: Path, feeds: Mapping[str, tuple[str, str]], interval_s: int) -> None:
    """Write a config directory.

    Args:
        directory: Where; it does not exist yet.
        config_dir: Where the themes come from.
        feeds: Name of the outlet and address of its feed, by feed id.

    Raises:
        ConfigError: as `find_themes`.
    """
    themes = find_themes(config_dir)
    directory.mkdir(parents=True)
    shutil.copytree(config_dir / THEMES, directory / THEMES)
    lines = [
        f'  - {{id: {feed}, url: "{url}", source: "{name}", language: en, interval_s: {interval_s}}}'
        for feed, (name, url) in feeds.items()
    ]
    (directory / "feeds.yaml").write_text("feeds:\n" + "\n".join(lines) + "\n")
    china = [theme for theme in _CHINA if theme in themes] or themes
    others = [theme for theme in themes if theme not in china] or themes
    (directory / "subscriptions").mkdir()
    (directory / "subscriptions" / "demo.yaml").write_text(
        _SUBSCRIPTIONS.replace("CHINA", _join(china)).replace("OTHERS", _join(others))
    )


def _join(themes: Sequence[str]) -> str:
    return ", ".join(themes)
