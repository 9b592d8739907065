"""Processes, downloads, files, archives and progress; nothing here knows about Python builds."""
