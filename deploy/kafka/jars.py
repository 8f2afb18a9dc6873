"""What Kafka needs before it can run: a Java, and Kafka's jars, which Maven copies beside pom.xml."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
MIN_JAVA: Final = 17
INSTALL: Final = "apt-get install openjdk-17-jdk-headless maven"


class StartError(Exception):
    """Why no cluster runs, in one sentence, and the exit code that says so."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        self.exit_code = exit_code
        super().__init__(message)


def find_java() -> str:
    """Return the path of a Java that can run Kafka: JAVA_HOME's, else the one on the PATH.

    Raises:
        StartError: with exit code 3 if there is none, or an older one.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None) or shutil.which("java")
    if java is None:
        raise StartError(f"java is missing: Kafka needs a JDK {MIN_JAVA} or newer ({INSTALL})", 3)
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', answer)
    if version is None or int(version[1]) < MIN_JAVA:
        found = version[1] if version else "of an unknown version"
        raise StartError(f"{java} is Java {found}: Kafka needs a JDK {MIN_JAVA} or newer ({INSTALL})", 3)
    return java


def fetch_jars() -> Path:
    """Return the directory with Kafka's jars; Maven runs only when pom.xml has changed since it filled it.

    Raises:
        StartError: Maven is missing (exit code 3) or did not get them.
    """
    libs = HERE / "target" / "libs"
    stamp = libs / ".pom-sha256"
    pom = HERE / "pom.xml"
    wanted = hashlib.sha256(pom.read_bytes()).hexdigest()
    libs.parent.mkdir(exist_ok=True)
    with (libs.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two clusters may be started at once
        if stamp.exists() and stamp.read_text() == wanted:
            return libs
        mvn = shutil.which("mvn")
        if mvn is None:
            raise StartError(f"mvn is missing: Maven gets Kafka's jars ({INSTALL})", 3)
        progress("getting Kafka's jars with Maven")
        shutil.rmtree(libs, ignore_errors=True)  # or jars of two versions would share the class path
        command = [mvn, "-q", "-B", "-Dstyle.color=never", "-f", str(pom), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
        if subprocess.run(command, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False).returncode:
            raise StartError("Maven could not get Kafka's jars; what it said is above")
        stamp.write_text(wanted)
    return libs


def progress(message: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"kafka: {message}\n")
