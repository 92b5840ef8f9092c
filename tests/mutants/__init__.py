"""Planted mistakes, each of which the tests have to notice."""
