"""Render a measurement as a table, HTML or SVG."""
