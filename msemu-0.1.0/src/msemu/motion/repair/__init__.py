"""Making the flights of a clip free flights."""
