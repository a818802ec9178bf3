"""Look on while code runs: recorded socket calls, and the live sockets of a process."""
