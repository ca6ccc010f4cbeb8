"""What every recorded human movement fulfills, whatever file it comes from."""
