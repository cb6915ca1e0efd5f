"""What Binder is told to install, run with a pip that only writes down what it is asked for."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
BINDER = ROOT / ".binder"


def test_its_python_and_node_are_those_that_the_package_takes():
    asked = yaml.safe_load((BINDER / "environment.yml").read_text())["dependencies"]
    versions = dict(one.split("=") for one in asked if "=" in one)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert SpecifierSet(project["requires-python"]).contains(versions["python"])
    (least,) = re.findall(r"node (\d+) or newer is needed", (ROOT / "Makefile").read_text())
    assert int(versions["nodejs"]) >= int(least)


def test_it_installs_the_torch_of_the_makefile_and_then_this_package(tmp_path):
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "js" / "node_modules").mkdir(parents=True)
    pip = tmp_path / "bin" / "pip"
    pip.parent.mkdir()
    pip.write_text('#!/bin/sh\necho "$@" >> asked\n')
    pip.chmod(0o755)
    path = f"{pip.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([BINDER / "postBuild"], cwd=tmp_path, env={"PATH": path}, check=True)
    first, second = (tmp_path / "asked").read_text().splitlines()
    (torch,) = re.findall(r"^TORCH \?= (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert first.split()[:3] == ["install", "--no-cache-dir", torch]
    assert second == "install --no-cache-dir --editable .[lab]"
    assert not (tmp_path / "js" / "node_modules").exists()
