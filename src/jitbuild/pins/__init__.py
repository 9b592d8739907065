"""Pins from python.org: find new releases, verify their sha256, and write them to recipes."""
