"""What this machine's kernel knows: its socket table, its descriptors, its abilities. Read only."""

from pathlib import Path

HOME = str(Path(__file__).parents[2])  # with it on its path another process finds this package, installed or not
