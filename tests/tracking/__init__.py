"""Tests of where a run's record goes."""
