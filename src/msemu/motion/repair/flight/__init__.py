"""Repair of flights: free flights joined to the contacts beside them."""
