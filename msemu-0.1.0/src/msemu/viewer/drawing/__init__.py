"""Pictures and videos without a browser."""
