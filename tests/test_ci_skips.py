from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

SKIPPED = """
import pytest

def test_passes():
    pass

@pytest.mark.skip(reason="needs a part")
def test_skips():
    pass

@pytest.mark.xfail(reason="known")
def test_fails_as_expected():
    assert False
"""
MODULE_SKIPPED = "import pytest\npytest.skip('needs a part', allow_module_level=True)\n"


def run(directory: Path, source: str, *, ci: str, allowed: str = "") -> subprocess.CompletedProcess[str]:
    shutil.copy(TESTS / "conftest.py", directory)
    (directory / "allowed_skips.txt").write_text(f"# a comment\n{allowed}\n")
    (directory / "test_it.py").write_text(source)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(directory),
        str(directory),
    ]
    return subprocess.run(
        command, cwd=directory, env={**os.environ, "CI": ci}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("source", [SKIPPED, MODULE_SKIPPED])
def test_unlisted_skip_fails_the_run_in_ci_and_is_named(tmp_path: Path, source: str) -> None:
    done = run(tmp_path, source, ci="true")
    assert done.returncode == 1, done.stdout
    assert "test_it.py" in done.stdout
    assert ": needs a part" in done.stdout
    assert "known" not in done.stdout  # an expected failure is no skip


def test_listed_skip_passes_in_ci(tmp_path: Path) -> None:
    assert run(tmp_path, SKIPPED, ci="true", allowed="needs a part").returncode == 0


def test_skip_passes_outside_ci(tmp_path: Path) -> None:
    assert run(tmp_path, SKIPPED, ci="").returncode == 0
