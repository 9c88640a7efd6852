"""``python -m hwgen`` is the command line."""

import sys

from hwgen.cli import main

sys.exit(main())
