"""One experiment as a whole: settings, data, network, training, the model that is kept.

Imports ``engine``, ``discovery`` and ``tables``.
"""
