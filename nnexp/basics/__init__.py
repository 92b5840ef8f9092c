"""What all folders have in common: fields, files, exact numbers, secrets, what may be removed.

Imports nothing of nnexp but ``errors``.
"""
