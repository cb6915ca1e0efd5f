"""What a preset costs, measured on this very machine."""
