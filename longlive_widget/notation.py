"""JSON and YAML as plain data, with a `ValueError` for all that is none.

The libraries tell of deep nesting, long numbers and days that do not exist in ways of their own.
"""

import json

import yaml


def json_in(text: str | bytes) -> object:
    """What a JSON text says; one that is none, or is nested too deeply, is a `ValueError`."""
    return _parsed(text, finite=False)


def finite_json_in(text: str | bytes) -> object:
    """The same, where every number is one: NaN and Infinity are a `ValueError` too."""
    return _parsed(text, finite=True)


def yaml_in(text: str, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> object:
    """What a YAML text says; one that is none, or is nested too deeply, is a `ValueError`."""
    try:
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error


_TOO_DEEP = "it is nested too deeply"


def _parsed(text: str | bytes, *, finite: bool) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant if finite else None)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
