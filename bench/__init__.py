"""The benchmark: the core beside its peers, question by question, checked before it is timed.

Run it from the root of the repository with ``python -m bench``; README.md here says how to read it.
Nothing in this package is installed with fastmlp.
"""
