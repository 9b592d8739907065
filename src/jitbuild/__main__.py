"""`python -m jitbuild`."""

import sys

from jitbuild.cli import main

sys.exit(main())
