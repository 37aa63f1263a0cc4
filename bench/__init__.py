"""The benchmark: the same training in the core, in NumPy and in the lectures' style, side by side.

Run it from the root of the repository with ``python -m bench``; README.md here says how to read it.
Nothing in this package is installed with fastmlp.
"""
