"""The command `longlive-widget`."""

from longlive_widget.cli.main import main

__all__ = ["main"]
