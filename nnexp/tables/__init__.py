"""Tables of the user's: a file is read, its columns become numbers, its target a task.

Imports ``basics`` and ``plugin``.
"""
