"""nnexp.testing: every built-in passes, and every check is shown to fail by planted mistakes."""
