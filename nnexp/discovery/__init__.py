"""Which plugins and presets are installed, whether they are sound, and how one is made by its name.

Imports ``plugin`` and ``basics``.

``--help`` and ``plugins`` import all plugins, a run those that it chose: a stranger's slow or broken import is the concern of
who chooses it.

A new kind needs its base class in ``plugin``, a group in ``registry.GROUPS``, ``templates/<kind>.py.template`` and checks in
``nnexp.testing``; ``plugins``, ``new`` and ``--help`` know it then.
"""
