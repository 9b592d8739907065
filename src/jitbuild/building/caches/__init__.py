"""Caches kept between builds. Each may be deleted at any time; the next build then takes longer."""
