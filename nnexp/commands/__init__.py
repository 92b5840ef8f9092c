"""The commands that a user types.

Imports everything.
"""
