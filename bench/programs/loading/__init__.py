"""How each library writes a model to a file, and gets from that file to a prediction.

A module imports its library and nothing of the benchmark at its top: its `load(path)` returns the
function that predicts rows. `write(task, path)` runs in another process and may import anything.
The network has relu layers and a softmax.
"""
