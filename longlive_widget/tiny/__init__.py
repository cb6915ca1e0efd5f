"""The embedded model: its scenes, its training and its weights."""
