"""Hydra and what is made of it: options, checks, and words for what is wrong.

What touches private names of Hydra and OmegaConf is here, but for Hydra's parser of options (``commands/options.py``) and its
splitting of a sweep into jobs (``sweep/jobs.py``). Imports ``experiment``, ``discovery`` and ``basics``.
"""
