"""`jitbuild diff`: run a command in several modes on one interpreter and report differences."""
