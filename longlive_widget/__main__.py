"""`python -m longlive_widget` is the command `longlive-widget`."""

import sys

from longlive_widget.cli.main import main

sys.exit(main())
