"""Obtain a verified CPython source tree."""
