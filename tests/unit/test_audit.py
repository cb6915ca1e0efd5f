"""`make audit` says what it knows and what it does not; both programs that it asks are the edge."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAULT = {"id": "CVE-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}
CLEAN = {"dependencies": [{"name": "av", "version": "1.0", "vulns": []}], "fixes": []}
BAD = {"dependencies": [{"name": "av", "version": "1.0", "vulns": [FAULT]}], "fixes": []}
UNKNOWN = {"dependencies": [{"name": "av", "skip_reason": "not found"}], "fixes": []}
PAGE = {"vulnerabilities": {}, "metadata": {"dependencies": {"prod": 2}}}
PAGE_BAD = PAGE | {"vulnerabilities": {"plotly": {"severity": "high", "range": "<5"}}}


@pytest.fixture
def audited(tmp_path):
    def run(pip: object, npm: object) -> tuple[int, str]:
        (tmp_path / "pip_audit").mkdir(exist_ok=True)
        (tmp_path / "pip_audit" / "__main__.py").write_text(
            "import sys, pathlib\n"
            "listed = pathlib.Path(sys.argv[sys.argv.index('--requirement') + 1]).read_text()\n"
            f"pathlib.Path({str(tmp_path / 'asked')!r}).write_text(listed)\n"
            f"print({_said(pip)!r})"
        )
        (tmp_path / "npm").write_text(f"#!/bin/sh\ncat <<'END'\n{_said(npm)}\nEND\n")
        (tmp_path / "npm").chmod(0o755)
        done = subprocess.run(
            [sys.executable, str(ROOT / ".ci" / "audit.py")],
            env=os.environ
            | {"PYTHONPATH": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )
        assert not done.stderr
        return done.returncode, done.stdout

    return run


def _said(answer):
    return answer if isinstance(answer, str) else json.dumps(answer)


def test_all_that_is_installed_is_asked_about_in_the_versions_that_lists_know(audited, tmp_path):
    code, told = audited(CLEAN, PAGE)
    assert code == 0
    assert told == (
        "Python: 1 packages looked up, 0 known vulnerabilities\n"
        "page: 1 packages looked up, 0 known vulnerabilities\n"
    )
    asked = (tmp_path / "asked").read_text().splitlines()
    assert {"torch", "av", "anywidget"} <= {line.partition("==")[0] for line in asked}
    assert "longlive-widget" not in "".join(asked)
    assert not [line for line in asked if "+" in line]


def test_a_known_vulnerability_is_told_with_the_version_that_mends_it(audited):
    code, told = audited(BAD, PAGE)
    assert code == 1
    assert "1 known vulnerabilities\n  av 1.0: CVE-1, fixed in 2.0\n" in told
    code, told = audited(CLEAN, PAGE_BAD)
    assert code == 1
    assert "  plotly: high, <5\n" in told


@pytest.mark.parametrize(
    ("pip", "npm", "said"),
    [
        ("no route to host", PAGE, "Python: NOT AUDITED, the list of vulnerabilities could not"),
        (UNKNOWN, PAGE, "Python: 1 NOT AUDITED, the list does not know them: av\n"),
        (CLEAN, {"message": "ENOTFOUND", "error": {}}, "page: NOT AUDITED, "),
    ],
)
def test_where_a_list_could_not_be_asked_nothing_is_called_clean(audited, pip, npm, said):
    code, told = audited(pip, npm)
    assert code == 2
    assert said in told


def test_what_goes_into_the_page_is_what_npm_does_not_leave_out():
    """plotly.js is copied into the bundle, and nothing else of npm's is: the build has no other."""
    said = json.loads((ROOT / "js" / "package.json").read_text())
    assert list(said["dependencies"]) == ["plotly.js-basic-dist-min"]
    sources = [path.read_text() for path in (ROOT / "js" / "src").rglob("*.ts")]
    foreign = {name for text in sources for name in re.findall(r' from "([^."][^"]*)"', text)}
    assert foreign == {"@anywidget/types"}, "whose types leave nothing in the bundle"
