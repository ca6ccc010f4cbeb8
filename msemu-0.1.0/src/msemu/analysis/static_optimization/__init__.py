"""Plots and reports of static optimizations."""
