"""What runs inside a lab: the processes that make network stacks of their own, and live in them.

These modules are loaded by a bare interpreter at the start of every lab, so they import little.
"""
