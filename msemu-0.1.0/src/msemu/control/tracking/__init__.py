"""The controller that follows a reference: springs, foot placement, and the decoder to excitations."""
