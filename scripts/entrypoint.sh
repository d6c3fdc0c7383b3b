#!/bin/sh
# What the image starts: `flowers`, or Beam's boot program, where a Beam engine starts the image as its SDK container. Engines give options
# and no command: --id=... with others for a worker, --worker_pool for a pool of them.
for word in "$@"; do
  case $word in
    --id=* | --worker_pool)
      if [ ! -x /opt/apache/beam/boot ]; then
        echo "This image was built without Beam's boot program: build it with BEAM_BOOT=IMAGE (docs/image.md)." >&2
        exit 2
      fi
      exec /opt/apache/beam/boot "$@"
      ;;
    -*) ;;
    *) break ;; # a command: it may have options of these names
  esac
done
exec flowers "$@"
