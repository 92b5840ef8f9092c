"""The old place of ``nnexp.tables.frame``, which distributions import."""
