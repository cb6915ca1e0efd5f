"""How much is made up: little in CI and the same each time, as much as is asked for by `make fuzz`.

With FUZZ_EXAMPLES that many, anew each time; what was tried goes to docs/reliability/fuzz.jsonl.
"""

import json
import os
from pathlib import Path

from hypothesis import HealthCheck, settings

from longlive_widget.measure.environment import commit

ASKED = int(os.environ.get("FUZZ_EXAMPLES", "0"))
CI_EXAMPLES = 40
RECORD = Path(__file__).parents[2] / "docs" / "reliability" / "fuzz.jsonl"

settings.register_profile(
    "fuzz",
    max_examples=ASKED or CI_EXAMPLES,
    derandomize=not ASKED,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz")


def pytest_runtest_logreport(report):
    told = dict(report.user_properties)
    if not ASKED or report.when != "call" or not report.passed or "reader" not in told:
        return
    row = told | {"seconds": round(report.duration, 1), "commit": str(commit())}
    lines = RECORD.read_text(encoding="utf-8").splitlines() if RECORD.exists() else []
    rows = {old["reader"]: old for old in map(json.loads, lines)} | {row["reader"]: row}
    RECORD.parent.mkdir(exist_ok=True)
    text = "".join(json.dumps(rows[name]) + "\n" for name in sorted(rows))
    RECORD.write_text(text, encoding="utf-8")
