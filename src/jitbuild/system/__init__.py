"""Processes, files, downloads, archives and progress, without any knowledge of Python builds."""
