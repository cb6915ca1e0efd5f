"""The page of Python names has all that the package gives."""

import re
from pathlib import Path

import longlive_widget

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_every_name_of_the_package_is_on_the_page():
    told = re.findall(r"^::: [\w.]+\.(\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(longlive_widget.__all__) <= set(told)
    assert {"Branch", "Inside", "Node", "Session", "Block"} <= set(told)
