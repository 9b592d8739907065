"""The command line of jitbuild, with one module for each command."""
