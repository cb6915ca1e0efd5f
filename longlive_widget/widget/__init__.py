"""The engine in a notebook cell; the only part that knows Jupyter."""
