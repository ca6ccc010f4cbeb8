"""Length, speed and pull of muscle-tendon paths, from the poses of bodies and without a Jacobian."""
