"""The arithmetic of the model; knows caches, neither presets nor prompts."""
