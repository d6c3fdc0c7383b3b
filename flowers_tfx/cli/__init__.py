"""The command `flowers`: parsing, printing and exit codes. Nothing below it prints."""

from flowers_tfx.cli.program import main

__all__ = ["main"]
