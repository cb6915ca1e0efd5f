"""The colours of charts with several lines, in the order in which they are given out."""

COLOURS = ("#3d7dca", "#c8762b", "#3f9c77", "#8a6fc9", "#c9627d", "#8a929c")
