"""Whether a body could move as a clip says."""
