"""The page in the browser (viser)."""
