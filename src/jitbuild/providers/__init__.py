"""Providers of interpreters: each turns a plan into an interpreter in a staging folder."""
