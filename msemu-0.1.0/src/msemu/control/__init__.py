"""Model-based muscle control: inverse dynamics, static optimization, and a controller that follows a movement."""
