"""The questions: each module asks one, `run(options, say)` returns its measurements."""
