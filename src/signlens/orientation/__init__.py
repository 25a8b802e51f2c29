"""Where the signer stands to the camera, and turning them to it."""
