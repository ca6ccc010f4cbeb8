"""What is wrong or noteworthy in a body."""
