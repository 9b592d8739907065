"""CI: the matrix of jobs, and the steps of the setup-jitbuild action."""
