"""The web service: the serving model answers over HTTP and gRPC. Nothing in here imports TFX, TensorFlow or Beam."""
