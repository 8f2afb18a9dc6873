from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deskwatch.errors import ServiceError
from deskwatch.supervising import BACKOFF_S, STEADY_S, AtEnd, Child, Program, Supervisor

SLEEP = "import time\nprint('up', flush=True)\ntime.sleep(60)"
STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEP}"


class Clock:
    """A monotonic clock that a test moves; it also runs by itself, so that deadlines pass."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def supervisor(tmp_path: Path, clock: Clock) -> Iterator[Supervisor]:
    environ = dict(os.environ) | {"MARK": "ours"}
    with Supervisor(tmp_path / "logs", environ, command=(sys.executable, "-c"), end_s=5, monotonic=clock) as running:
        yield running


def program(code: str, at_end: AtEnd = AtEnd.RESTART, *, name: str = "child", foundation: bool = False) -> Program:
    return Program(name=name, arguments=(code,), at_end=at_end, captured=True, foundation=foundation)


def wait_for(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.01)


def is_up(child: Child) -> bool:
    return child.output.exists() and "up\n" in child.output.read_text()


def start_and_wait(supervisor: Supervisor, wanted: Program) -> Child:
    child = supervisor.start(wanted)
    supervisor.wait(lambda: is_up(child), "a word", child, 20)
    return child


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pid_of(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def test_child_gets_our_variables_and_its_programs_own(supervisor: Supervisor) -> None:
    code = "import os\nprint(os.environ['MARK'], os.environ['OWN'], flush=True)"
    child = supervisor.start(
        Program(name="c", arguments=(code,), environ={"OWN": "its"}, at_end=AtEnd.FINISH, captured=True)
    )
    supervisor.wait(lambda: child.finished, "the end", child, 20)
    assert child.output.read_text() == "ours its\n"


def test_stderr_goes_to_the_log(supervisor: Supervisor) -> None:
    child = supervisor.start(program("import sys\nsys.stderr.write('trouble')", AtEnd.FINISH))
    supervisor.wait(lambda: child.finished, "the end", child, 20)
    assert child.tail() == "trouble"


def test_dead_child_is_started_again_after_a_while(supervisor: Supervisor, clock: Clock) -> None:
    child = start_and_wait(supervisor, program(SLEEP))
    first = pid_of(child)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not is_alive(first))
    supervisor.check()
    assert child.process is None
    supervisor.check()
    assert child.process is None, "it was started before its time"
    clock.ahead += 2 * BACKOFF_S
    supervisor.check()
    assert pid_of(child) != first


def test_each_failure_doubles_the_wait_until_the_child_lived_long(supervisor: Supervisor, clock: Clock) -> None:
    child = supervisor.start(program("raise SystemExit(3)"))
    waits = []
    for lived_s in (0.0, 0.0, 0.0, STEADY_S):
        process = child.process
        assert process is not None
        process.wait(20)
        clock.ahead += lived_s
        now = clock()
        supervisor.check()
        assert child.restart_at is not None
        waits.append(round((child.restart_at - now) / BACKOFF_S))
        clock.ahead += child.restart_at - now
        supervisor.check()
    assert waits == [2, 4, 8, 1]


def test_end_of_a_program_that_must_not_end_ends_the_run(supervisor: Supervisor) -> None:
    child = supervisor.start(program("import sys\nsys.exit('the disk is full')", AtEnd.FAIL))
    with pytest.raises(ServiceError, match="the disk is full") as caught:
        supervisor.wait(lambda: False, "nothing", child, 20)
    assert (caught.value.service, caught.value.code) == ("child", 1)


def test_end_with_code_0_is_a_failure_too_where_none_is_expected(supervisor: Supervisor) -> None:
    child = supervisor.start(program("", AtEnd.FAIL))
    with pytest.raises(ServiceError) as caught:
        supervisor.wait(lambda: False, "nothing", child, 20)
    assert caught.value.code == 0


def test_program_that_may_finish_fails_with_any_other_code(supervisor: Supervisor) -> None:
    child = supervisor.start(program("raise SystemExit(2)", AtEnd.FINISH))
    with pytest.raises(ServiceError):
        supervisor.wait(lambda: child.finished, "the end", child, 20)
    assert not child.finished


def test_waiting_in_vain_names_the_child_and_what_was_missing(supervisor: Supervisor) -> None:
    child = start_and_wait(supervisor, program(SLEEP))
    with pytest.raises(ServiceError, match="its address") as caught:
        supervisor.wait(lambda: False, "its address", child, 0.1)
    assert (caught.value.service, caught.value.code) == ("child", None)


def test_output_of_an_earlier_run_is_not_taken_for_this_ones(supervisor: Supervisor) -> None:
    first = start_and_wait(supervisor, program(SLEEP))
    supervisor.close()
    child = supervisor.start(program("import time\ntime.sleep(60)"))
    assert child.output == first.output
    assert not is_up(child)


def test_closing_ends_all_children(supervisor: Supervisor) -> None:
    children = [start_and_wait(supervisor, program(SLEEP, name=name)) for name in ("a", "b")]
    pids = [pid_of(child) for child in children]
    supervisor.close()
    assert not any(is_alive(pid) for pid in pids)


def test_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    with Supervisor(tmp_path, os.environ, command=(sys.executable, "-c"), end_s=0.3) as supervisor:
        child = start_and_wait(supervisor, program(STUBBORN))
        pid = pid_of(child)
        supervisor.close()
        assert not is_alive(pid)


def test_foundation_outlives_the_others(supervisor: Supervisor, tmp_path: Path) -> None:
    tell = textwrap.dedent("""
        import signal, sys, time
        def end(*_):
            time.sleep({pause})
            open({path!r}, "a").write({name!r} + "\\n")
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("up", flush=True)
        time.sleep(60)
    """)
    path = str(tmp_path / "order")
    ground = tell.format(path=path, name="ground", pause=0)
    start_and_wait(supervisor, program(ground, name="ground", foundation=True))
    start_and_wait(supervisor, program(tell.format(path=path, name="house", pause=0.3), name="house"))
    supervisor.close()
    assert Path(path).read_text().split() == ["house", "ground"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import os, sys, threading
        from pathlib import Path
        from deskwatch.supervising import Program, Supervisor
        with Supervisor(Path({str(tmp_path)!r}), os.environ, command=(sys.executable, "-c")) as supervisor:
            child = supervisor.start(Program(name="child", arguments=({STUBBORN!r},), captured=True))
            supervisor.wait(lambda: "up" in child.output.read_text(), "a word", child, 20)
            print(child.process.pid, flush=True)
            supervisor.run(threading.Event())
    """)
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        lines = iter(parent.stdout.readline, "")
        pid = int(next(line for line in lines if line.strip().isdecimal()))
        assert is_alive(pid)
        parent.kill()
    wait_for(lambda: not is_alive(pid))
