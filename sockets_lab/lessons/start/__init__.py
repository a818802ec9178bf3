"""Lesson 00: what this machine can do, and how a lesson works."""
