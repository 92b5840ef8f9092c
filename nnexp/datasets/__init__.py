"""The built-in datasets: ``real`` (measured), ``synthetic`` (made from a formula) and ``table`` (the user's own file).

Nothing is imported here, so that choosing one dataset does not load what another needs.
"""
