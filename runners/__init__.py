"""The runners: each builds a config, calls create_pipeline and runs it."""
