"""Pictures to try the program with: drawn flowers, and the download of TensorFlow's flower_photos."""
