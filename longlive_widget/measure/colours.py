"""The colours of charts with several lines, in the order in which they are given out.

As many as a grid of seeds has tiles, and one more than there are presets. A tenth line has the
first one's colour.
"""

COLOURS = (
    "#3d7dca",
    "#c8762b",
    "#3f9c77",
    "#8a6fc9",
    "#c9627d",
    "#8a929c",
    "#9c941f",
    "#1fa0b5",
    "#8f5a3c",
)
