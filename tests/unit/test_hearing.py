"""A clock that stands while a cell runs, in which some kernels hear nothing of their pages."""

from IPython.core.interactiveshell import InteractiveShell

from longlive_widget.widget import hearing
from longlive_widget.widget.hearing import HearingClock


def test_it_stands_while_a_cell_runs_also_one_that_fails_and_the_one_that_built_it(monkeypatch):
    now_s, shell = [100.0], InteractiveShell()
    monkeypatch.setattr(hearing, "get_ipython", lambda: shell)
    clock = HearingClock(lambda: now_s[0])
    before = {
        name: list(shell.events.callbacks[name]) for name in ("pre_run_cell", "post_run_cell")
    }

    def passes(seconds):
        now_s[0] += seconds

    shell.user_ns["passes"] = passes
    clock.open()
    passes(7.0)
    assert clock() == 0.0, "the cell that built it has not ended"
    shell.run_cell("passes(30)")
    passes(2.0)
    assert clock() == 2.0
    shell.run_cell("passes(30); 1 / 0")
    passes(1.0)
    assert clock() == 3.0
    clock.close()
    clock.close()
    assert before == {name: shell.events.callbacks[name] for name in before}


def test_without_a_shell_it_passes(monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(hearing, "get_ipython", lambda: None)
    clock = HearingClock(lambda: now_s[0])
    clock.open()
    now_s[0] = 103.0
    assert clock() == 3.0
    clock.close()
