"""`python -m worldreel`."""

import sys

from worldreel.cli import main

if __name__ == "__main__":
    sys.exit(main())
