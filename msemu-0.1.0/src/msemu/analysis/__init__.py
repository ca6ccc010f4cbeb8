"""What policies and clips do, as figures and plots."""
