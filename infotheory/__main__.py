"""`python -m infotheory` is the command `infotheory`."""

import sys

from infotheory.cli import main

if __name__ == "__main__":
    sys.exit(main())
