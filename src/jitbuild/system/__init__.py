"""Processes, files, downloads, archives and progress, without knowledge of Python builds."""
