"""Hydra and what is made of it: options, checks, and words for what is wrong.

The only folder that touches private names of Hydra and OmegaConf. Imports ``experiment``, ``discovery`` and ``basics``.
"""
