"""Unpack and write archives of several kinds, without trusting them."""
