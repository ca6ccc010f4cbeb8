"""Hill-type muscles: parameters, kernels, options and a NumPy twin."""
