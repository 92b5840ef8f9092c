"""A report: one HTML file of a sweep or a run that opens from disk, without a network.

Imports ``comparison``.

``content`` (of a sweep) and ``single`` (of a run) say what is in it, as tables and charts in plain values; ``charts`` are
specifications of Vega-Lite, whose JavaScript comes with the distribution vl-convert-python (the extra ``nnexp[report]``);
``page`` is the HTML. Whatever was recorded is a stranger's text: it is escaped, and the page's policy lets no script run but
the two that it names by their digests.
"""
