"""Runs that are kept: what made them and what came out, to be made again or played again."""
