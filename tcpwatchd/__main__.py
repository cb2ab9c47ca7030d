"""`python -m tcpwatchd`: the same door as the console script."""

import sys

from tcpwatchd.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
