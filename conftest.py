"""What all tests and notebooks share: a learner who is the same everywhere, and no progress kept from one to the next."""

import os

# Before the first kernel starts: nbval's kernels inherit this, so per-learner numbers are those of the saved outputs.
os.environ.update(SOCKETS_LAB_LEARNER="reader", SOCKETS_LAB_DATA="")
