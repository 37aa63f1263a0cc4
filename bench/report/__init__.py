"""What a run found, told: figures.py computes, numbers.py spells, tables.py lays out what
sections.py asks for.

text.py and html.py print the same tables, markdown.py prints the README's; charts.py draws.
comparison.py judges two runs; revisions.py makes two runs of git revisions, and is the only file
here that has anything measured.
"""
