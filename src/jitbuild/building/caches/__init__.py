"""Caches kept between builds. Each may be deleted at any moment; the next build takes longer."""
