"""Hold what is installed, and what goes into the page, against lists of known vulnerabilities.

Run by `make audit`, which needs a network. Ends with 1 where one is found, and with 2 where the
lists could not be asked: then nothing is known.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
OWN = "longlive-widget"
FOUND, UNKNOWN = 1, 2
SHOWN = 5


def main() -> int:
    """Audit both, and tell what was and what was not looked up."""
    return max([python_packages(), page_packages()])


def python_packages() -> int:
    """All that is installed beside this package, in the versions that it has here."""
    lines = sorted(
        f"{one.name}=={one.version.partition('+')[0]}" for one in distributions() if one.name != OWN
    )
    with TemporaryDirectory() as folder:
        listed = Path(folder) / "installed.txt"
        listed.write_text("\n".join(lines), encoding="utf-8")
        told = _json_of(
            sys.executable,
            *("-m", "pip_audit", "--requirement", str(listed), "--no-deps", "--disable-pip"),
            *("--format", "json", "--progress-spinner", "off"),
        )
    rows = told.get("dependencies")
    if not isinstance(rows, list):
        return _unasked("Python", told)
    passed_over = [row["name"] for row in rows if "vulns" not in row]
    bad = [
        f"{row['name']} {row['version']}: {fault['id']}, fixed in {_fixed(fault['fix_versions'])}"
        for row in rows
        for fault in row.get("vulns", ())
    ]
    return _judged("Python", len(rows) - len(passed_over), passed_over, bad)


def page_packages() -> int:
    """What of npm's packages goes into the page; those that only build it are left out."""
    npm = shutil.which("npm")
    if npm is None:
        return _unasked("page", {"said": "there is no npm"})
    told = _json_of(npm, "--prefix", str(ROOT / "js"), "audit", "--omit=dev", "--json")
    rows = told.get("vulnerabilities")
    if not isinstance(rows, dict):
        return _unasked("page", told)
    bad = [f"{name}: {row['severity']}, {row['range']}" for name, row in rows.items()]
    return _judged("page", told["metadata"]["dependencies"]["prod"] - 1, [], bad)  # type: ignore[index]


def _json_of(*command: str) -> dict[str, object]:
    """What a program says in JSON; else the end of what it said, as "said"."""
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        lines = (done.stderr or done.stdout).strip().splitlines()
        return {"said": lines[-1] if lines else f"it ended with {done.returncode}"}
    return told if isinstance(told, dict) else {"said": str(told)}


def _unasked(what: str, told: dict[str, object]) -> int:
    reason = told.get("said") or told.get("message") or told.get("error")
    print(
        f"{what}: NOT AUDITED, the list of vulnerabilities could not be asked ({reason}): connect "
        "to the network, and call again"
    )
    return UNKNOWN


def _judged(what: str, looked_up: int, passed_over: Sequence[str], bad: Iterable[str]) -> int:
    bad = sorted(set(bad))
    if passed_over:
        names = ", ".join(passed_over[:SHOWN]) + (", ..." if len(passed_over) > SHOWN else "")
        print(f"{what}: {len(passed_over)} NOT AUDITED, the list does not know them: {names}")
    print(f"{what}: {looked_up} packages looked up, {len(bad)} known vulnerabilities")
    for line in bad:
        print(f"  {line}")
    if bad:
        return FOUND
    return 0 if looked_up else UNKNOWN


def _fixed(versions: Sequence[str]) -> str:
    return " or ".join(versions) or "none"


if __name__ == "__main__":
    sys.exit(main())
