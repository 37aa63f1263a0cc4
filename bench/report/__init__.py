"""What a run found, told: figures.py computes, numbers.py spells, tables.py lays out.

sections.py says which tables answer which question; text.py and html.py print them, markdown.py
prints the README's, charts.py draws. comparison.py judges two runs; revisions.py makes two runs of
git revisions, and is the only file here that has anything measured.
"""
