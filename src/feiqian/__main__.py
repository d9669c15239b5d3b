"""``python -m feiqian`` is the command line."""

from feiqian.apps.cli import main

main()
