"""From easier conditions to those that are asked for: searches one by one, each about what the last one found."""
