"""The lessons, one folder each: experiment, questions, figures (`figure*.py`) and panels (`panel*.py`)."""
