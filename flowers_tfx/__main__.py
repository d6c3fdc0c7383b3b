"""`python -m flowers_tfx` is the command `flowers`."""

from flowers_tfx.cli import main

# A worker process imports this file too.
if __name__ == "__main__":
    main()
