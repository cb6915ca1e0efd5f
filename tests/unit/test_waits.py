"""Nothing waits without an end: the source is read for calls that wait, and each has its reason."""

import ast
import importlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from longlive_widget.timeline import Timeline
from longlive_widget.widget import courier, runner
from longlive_widget.widget.runner import Runner
from tests.unit.painted_engine import PaintedEngine

PACKAGE = Path(__file__).parents[2] / "longlive_widget"
PATIENCE_S = 20
OWN = "a thread of its own, which waits for work and is a daemon: nobody waits for it"
ASKED = "what was asked for, in a cell or a program: it ends with that, or with Ctrl-C"
HUB = "the model hub, in a load that was asked for: `_silence_ends` ends each wait after 5 s"
GATE = "a block or a compiling call on another thread, which says in a `finally` that it has ended"
WITHOUT_A_LIMIT = {
    ("widget/courier.py", "Courier._work", "self._errands.get"): OWN,
    ("widget/runner.py", "Runner._next_stretch", "self._changed.wait"): OWN,
    ("widget/courier.py", "uninterrupted", "doing.join"): ASKED,
    ("widget/runner.py", "Runner._left", "self._changed.wait_for"): ASKED,
    ("measure/metrics.py", "vmaf", "subprocess.run"): ASKED,
    ("measure/cluster.py", "over_cluster.spread", "ray.shutdown"): ASKED,
    ("measure/startup.py", "startup", "subprocess.run"): ASKED,
    ("cli/measure_all.py", "measure", "subprocess.run"): ASKED,
    ("measure/scale.py", "_waited_for", "wait"): ASKED,
    ("measure/scale.py", "_waited_for", "future.result"): ASKED,
    ("measure/cluster.py", "_Crew.records", "self._ray.wait"): ASKED,
    ("engine/large_files.py", "fetch_large_files", "get_hf_file_metadata"): HUB,
    ("engine/large_files.py", "_urls", "HfApi().model_info"): HUB,
    ("engine/large_files.py", "_alone", "WeakFileLock"): (
        "another process that fetches the same file: told after 2 s, and ended by Ctrl-C"
    ),
    ("engine/large_files.py", "_bring", "http_get"): HUB,
    ("engine/hub.py", "fetched", "snapshot_download"): HUB,
    ("measure/records.py", "_lock_far_byte", "msvcrt.locking"): "it is only tried: `_take` waits",
    ("engine/ahead.py", "OneAhead.next", "(begun or self._worker.submit(make)).result"): (
        "the block that was begun ahead: it ends with that, as the next block would"
    ),
    ("engine/compile_gate.py", "CompileGate.together", "self._changed.wait_for"): GATE,
    ("engine/compile_gate.py", "CompileGate.alone", "self._changed.wait_for"): GATE,
    ("engine/compile_gate.py", "through_gate.gated", "_UNCOMPILED.get"): "no wait: a variable",
    ("widget/forks.py", "_hold", "one.changed.acquire"): (
        "a fork: under this lock nothing waits, nothing is computed and nothing is sent"
    ),
}
"""What waits for as long as it takes, and why that ends. All else has a limit."""
BARE = {"join", "wait", "get", "result", "exception", "acquire", "communicate", "shutdown"}
"""Without an argument these wait for ever; `get` and `join` of other things have one."""
NEVER_LIMITED = {
    *("WeakFileLock", "flock", "locking"),
    *("get_hf_file_metadata", "http_get", "model_info", "snapshot_download"),
}
"""What waits and takes no limit, but for a lock that is only tried. A GPU is not in it: what it
was given nobody can take back."""
TRIED = ("LOCK_NB", "LOCK_UN")
LIMITED_BY = {"wait_for": 2, "wait": 2, "as_completed": 2, "select": 4}
"""Of those that take what they wait for, how many arguments they have where a limit is one."""
COUNTED = {
    ("widget/courier.py", "patience_s"): "what is left of GOODBYE_S, or all of it",
    ("widget/runner.py", "_left(until_s)"): "what is left of GOODBYE_S",
    ("widget/runner.py", "wait_s"): "until a live video's next block is due, on its own thread",
}
"""Limits that are no constants of their module."""
RUNS = {"run", "call", "check_call", "check_output"}
MOST_S = 5


def waits(source):
    """Calls that wait without a limit, each with the function that it is in."""
    found = set()
    _look(ast.parse(source), (), found)
    return found


def _look(node, inside, found):
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        inside = (*inside, node.name)
    if isinstance(node, ast.Call) and _waits(node):
        found.add((".".join(inside), ast.unparse(node.func)))
    if isinstance(node, ast.With):
        opened = [ast.unparse(item.context_expr).partition("(")[0] for item in node.items]
        found |= {(".".join(inside), f"with {name}") for name in opened if "Executor" in name}
    for child in ast.iter_child_nodes(node):
        _look(child, inside, found)


def _waits(call):
    of, _, name = ast.unparse(call.func).rpartition(".")
    named = {one.arg: ast.unparse(one.value) for one in call.keywords}
    if "timeout" in named or "False" in (named.get("blocking"), named.get("wait")):
        return False
    if of == "subprocess":
        return name in RUNS
    if of and name in BARE and not call.args:
        return True
    if name in NEVER_LIMITED:
        return not any(how in ast.unparse(call) for how in TRIED)
    # an event's only argument is its limit
    takes_what_it_waits_for = name != "wait" or not of or of.endswith("ray")
    return takes_what_it_waits_for and 0 < len(call.args) < LIMITED_BY.get(name, 0)


def limits(source: str) -> Iterator[str]:
    """What each wait that has a limit is limited by."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or _waits(call):
            continue
        of, _, name = ast.unparse(call.func).rpartition(".")
        named = {one.arg: one.value for one in call.keywords}
        if "timeout" in named:
            yield ast.unparse(named["timeout"])
        elif name in {"join", "wait", "wait_for"} and of != "tl" and of[-1] not in "\"'":
            yield from (ast.unparse(last) for last in call.args[-1:])


@pytest.mark.fault(
    "Threads, processes and clocks",
    "what is waited for never comes",
    "no wait is without an end: it has a limit of 5 s, or is for work that was asked for, and ends "
    "with that or with Ctrl-C",
)
def test_each_wait_in_the_source_has_a_limit_or_a_reason():
    found = {
        (module.relative_to(PACKAGE).as_posix(), *wait)
        for module in PACKAGE.rglob("*.py")
        for wait in waits(module.read_text(encoding="utf-8"))
    }
    assert found == set(WITHOUT_A_LIMIT)


@pytest.mark.parametrize(
    "source",
    [
        "thread.join()",
        "queue.get()",
        "queue.get(block=True)",
        "event.wait()",
        "changed.wait_for(ready)",
        "future.result()",
        "lock.acquire()",
        "pool.shutdown()",
        "wait([future])",
        "as_completed(futures)",
        "subprocess.run(command)",
        "process.communicate()",
        "with ThreadPoolExecutor(1) as pool: pass",
        "self._ray.wait(answers)",
        "fcntl.flock(file, fcntl.LOCK_EX)",
        "with WeakFileLock(path): pass",
    ],
)
def test_the_reader_sees_each_of_them(source):
    assert len(waits(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "thread.join(1)",
        "','.join(words)",
        "told.get(name)",
        "event.wait(1)",
        "changed.wait_for(ready, 1)",
        "future.result(timeout=0)",
        "lock.acquire(blocking=False)",
        "pool.shutdown(wait=False)",
        "wait([future], timeout=1)",
        "subprocess.run(command, timeout=1)",
        "with lock: pass",
        "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)",
    ],
)
def test_what_has_a_limit_is_none(source):
    assert waits(source) == set()


def test_no_limit_is_over_5_seconds():
    """Numbers, constants of the module, and what is in the list above."""
    counted = set()
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).as_posix()
        for limit in limits(path.read_text(encoding="utf-8")):
            if (module, limit) in COUNTED:
                counted.add((module, limit))
                continue
            assert _seconds(limit, module) <= MOST_S, (module, limit)
    assert counted == set(COUNTED)


def _seconds(limit: str, module: str) -> float:
    if not limit.isidentifier():
        return ast.literal_eval(limit)
    name = f"longlive_widget.{module.removesuffix('.py').replace('/', '.')}"
    return getattr(importlib.import_module(name), limit)


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        ("thread.join(60)", "60"),
        ("done.wait(LONG_S)", "LONG_S"),
        ("changed.wait_for(ready, LONG_S)", "LONG_S"),
        ("future.result(timeout=LONG_S)", "LONG_S"),
        ("subprocess.run(command, timeout=9)", "9"),
    ],
)
def test_the_reader_sees_each_limit(source, limit):
    assert list(limits(source)) == [limit]


def test_all_that_is_closed_is_waited_for_5_seconds_together(monkeypatch):
    """Nothing of it ends here: the block, and the message to the page that is being sent."""
    assert courier.GOODBYE_S == MOST_S
    now_s, waited_s, never = [100.0], [], threading.Event()

    def join(_, patience_s=None):
        waited_s.append(patience_s)
        now_s[0] += patience_s

    studio = Runner(
        PaintedEngine(), Timeline.of("a red ball"), 1, lambda *_: never.wait(PATIENCE_S)
    )
    try:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "join", join)
            patch.setattr(runner.time, "monotonic", lambda: now_s[0])
            studio.close()
    finally:
        never.set()
    assert len(waited_s) == 3
    assert sum(waited_s) == MOST_S
