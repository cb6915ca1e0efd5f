"""Prompts to begin with, by the model's name."""

from longlive_widget.tiny.library import LIBRARY

_OF_MODEL: dict[str, tuple[str, ...]] = {
    "tiny": LIBRARY,
    "longlive-1.3b": (
        "A lighthouse on a rocky coast at dusk, seen from the sea. Its beam sweeps slowly through "
        "thin fog while waves break on the rocks.",
        "A red fox walks through a snowy birch forest. Morning light falls between the trunks, and "
        "snow drifts from the branches.",
        "A close view of an old watchmaker at a wooden bench. He bends over a tiny movement with a "
        "loupe, and a warm lamp lights his hands.",
        "A yellow tram climbs a steep street between tiled houses. Laundry moves in the wind, and "
        "the camera follows from behind.",
        "The same scene in heavy rain: the ground shines, and drops run down the lens.",
        "The same scene at night, lit by street lamps alone.",
        "The camera rises slowly until the whole landscape lies below.",
    ),
}


def prompts_for(model: str) -> tuple[str, ...]:
    """What to offer for a model; nothing for one that is not known here."""
    return _OF_MODEL.get(model, ())
