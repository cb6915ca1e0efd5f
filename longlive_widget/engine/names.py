"""What models and adapters are called. Loads no torch."""

EMBEDDED = ("tiny",)
NAME = "longlive-1.3b"
NAMED = (*EMBEDDED, NAME)
"""The models that a name alone stands for."""
OWN_ADAPTER = "own"
"""The name of the adapter that a model comes with."""
LANGUAGE = "language"
"""What its closed language is called among a model's parts."""
ADAPTER = "adapter "
"""What the names of adapters begin with, among those of a model's parts."""
