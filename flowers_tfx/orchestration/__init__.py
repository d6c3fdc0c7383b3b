"""What lies between a config and a runner: settings as TFX wants them, run records, progress."""
