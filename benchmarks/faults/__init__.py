"""Faults that are caused for real while lessons run; `unbreakable.py` beside this folder runs them and reports."""
