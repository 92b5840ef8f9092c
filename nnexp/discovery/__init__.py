"""Which plugins and presets are installed, whether they are sound, and how one is made by its name.

Imports ``plugin`` and ``basics``.

``--help`` and ``plugins`` import all plugins, a run those that it chose: a stranger's slow or broken import is the concern of
who chooses it.

A format of export (``nnexp.basics.export``) and a picture (``nnexp.basics.picture``) are found, examined and made as a plugin
is, by the names that ``--to`` and ``pictures=`` give.

A new kind needs its base class in ``plugin``, a group in ``registry.GROUPS``, a field in ``experiment.plan``'s ``Plan``, a
choice in conf/config.yaml, ``templates/<kind>.py.template`` and checks in ``nnexp.testing``. Then ``plugins``, ``new`` and
``--help`` know it.
"""
