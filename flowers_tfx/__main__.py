"""`python -m flowers_tfx` is the command `flowers`."""

from flowers_tfx.cli import main

main()
