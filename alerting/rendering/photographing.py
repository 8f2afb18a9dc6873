"""A page as a picture, by whichever Chromium this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from deskwatch.errors import DeskwatchError

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH: Final = 700  # as wide as mail programs show a mail
TIMEOUT_S: Final = 60.0

_TALL: Final = 4000
_SMALLEST: Final = 200
_HEIGHT: Final = "height:"


class PhotographError(DeskwatchError):
    """A page of which no picture could be made."""


def photograph(html: str, *, path: str | None = None) -> bytes:
    """Return a PNG of a page, as tall as the page is; nothing is fetched for it.

    Args:
        path: Where programs are looked for, in place of the environment's PATH.

    Raises:
        PhotographError: there is no browser, or it does not make the picture in time.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name, path=path))), None)
    if browser is None:
        raise PhotographError(
            f"a picture of the page needs a browser, and none of {', '.join(BROWSERS)} is there: "
            "`apt-get install chromium`, or take --format html, or chart, which needs none"
        )
    with tempfile.TemporaryDirectory(prefix="deskwatch-page-") as name:
        page, picture = Path(name, "page.html"), Path(name, "page.png")
        page.write_text(f"{html}{_TELL_HEIGHT}", encoding="utf-8")
        told = _run(browser, Path(name), _TALL, "--dump-dom", page)
        height = told.rpartition(_HEIGHT)[2].partition(";")[0]
        tall = min(max(int(height), _SMALLEST), _TALL) if height.isdecimal() else _TALL
        page.write_text(html, encoding="utf-8")
        _run(browser, Path(name), tall, f"--screenshot={picture}", page)
        if not picture.exists():
            raise PhotographError(f"{browser} made no picture of the page")
        return picture.read_bytes()


_TELL_HEIGHT: Final = (
    "<script>const found = document.documentElement.getBoundingClientRect().height;"
    f"document.body.append('{_HEIGHT}' + Math.ceil(found) + ';')</script>"
)


def _run(browser: str, home: Path, height: int, what: str, page: Path) -> str:
    """Run the browser without a window, a profile or a network, and return what it prints."""
    arguments = [
        browser,
        "--headless",
        "--disable-gpu",
        "--hide-scrollbars",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={home / 'profile'}",
        f"--window-size={WIDTH},{height}",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium refuses to run as root with it
        what,
        page.as_uri(),
    ]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except subprocess.TimeoutExpired as error:
        raise PhotographError(f"{browser} made no picture within {TIMEOUT_S:g} s") from error
    except (OSError, subprocess.CalledProcessError) as error:
        detail = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise PhotographError(f"{browser} made no picture: {detail[-1] if detail else error}") from error
    return done.stdout
