"""Object stores: the few requests that the program makes of S3 and Google Cloud Storage, and a lock made of them."""
