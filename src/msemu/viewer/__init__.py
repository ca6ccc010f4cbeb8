"""What people see of a movement: a page in the browser, pictures and videos."""
