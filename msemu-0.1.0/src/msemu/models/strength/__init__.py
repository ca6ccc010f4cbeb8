"""What the muscles of a body can give, beside what is published of adults."""
