"""Continuous integration: the job matrix and the setup-jitbuild action."""
