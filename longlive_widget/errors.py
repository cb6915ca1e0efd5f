"""Every error that the package raises on purpose.

Each message names the value, the limit and the way out.
"""


class LongLiveError(Exception):
    """The base of all errors raised on purpose, to catch them and nothing else."""


class GeometryError(LongLiveError, ValueError):
    """A picture size or a latent shape that the model cannot have."""


class PresetError(LongLiveError, ValueError):
    """An unknown preset, or one that contradicts itself."""


class TimelineError(LongLiveError, ValueError):
    """A timeline or a prompt that cannot be played."""


class ModelNotFoundError(LongLiveError, LookupError):
    """A model that is neither embedded nor on disk."""


class CheckpointError(LongLiveError, ValueError):
    """A weight file that is missing, damaged, unsafe or of another model."""


class CapabilityError(LongLiveError, RuntimeError):
    """Something that this machine cannot do."""


class SessionError(LongLiveError, RuntimeError):
    """A request that a session cannot take in its present state."""


class MessageError(LongLiveError, ValueError):
    """A message between page and kernel that is not part of the protocol."""


class OutputError(LongLiveError, OSError):
    """A file that cannot be written where it was asked for."""
