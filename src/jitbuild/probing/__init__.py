"""Probe an interpreter, and judge the facts that it reports."""
