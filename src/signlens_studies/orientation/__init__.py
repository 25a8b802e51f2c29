"""Does turning the signer to the camera help: virtual cameras, tilted films, depth cues."""
