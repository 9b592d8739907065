"""Probe an interpreter and judge what it answered."""
