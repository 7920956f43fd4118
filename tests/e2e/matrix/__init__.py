"""Every way to hand a client over, from every way in, to every kind of target.

`pytest -n 0 tests/e2e/matrix -k phone-early-colleague` plays one cell, `C2D_MATRIX_RUNS=5` each one
five times, `C2D_MATRIX_AT_ONCE=12` so many at a time. By hand, with the table of docs/transfers.md:
`python -m tests.e2e.matrix --runs 50 --table`, `-k "created early"` for some, `--log FILE` for what
Asterisk did.

A cell (cells.py) is played by its move (moves.py, takeovers.py, forwards.py) on a stage of its own
(scene.py), which notes what its records must say (expected.py); play.py compares.
"""
