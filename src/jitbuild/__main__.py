"""Run the command line with `python -m jitbuild`."""

import sys

from jitbuild.cli.main import main

sys.exit(main())
