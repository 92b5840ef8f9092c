"""Which plugins and presets are installed, whether they are sound, and how one is made by its name.

Imports ``plugin`` and ``basics``.
"""
