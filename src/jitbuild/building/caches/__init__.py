"""Caches kept between builds. Each may be deleted at any moment, which costs time only."""
