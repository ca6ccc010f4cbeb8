"""One page about one or more movements, as a single HTML file."""
