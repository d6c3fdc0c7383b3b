"""Checks of a machine, an installation and a configuration. Importing this package takes only Python's own library: a check imports what it
needs besides when it runs, so that a broken installation fails in its check and not before."""
