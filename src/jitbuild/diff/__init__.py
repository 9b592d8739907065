"""`jitbuild diff`: run one command in several modes on one interpreter and report what differs."""
