"""Prompts to begin with, in words that the embedded model knows."""

LIBRARY = (
    "a big red ball bounces on a white background",
    "a big yellow star circles under a night sky with stars",
    "a huge yellow square spins slowly over a green meadow under a blue sky",
    "a large pink heart grows on a black background",
    "a white ring swings gently over the sea with waves",
    "a big white triangle moves left at sunset",
    "a small green ball flies up and a big purple star rests in the snow",
    "a cyan cross jumps up and down fast in the rain",
    "now it turns orange",
    "it spins fast",
    "now it moves to the right slowly",
    "the background is a starry night",
)
