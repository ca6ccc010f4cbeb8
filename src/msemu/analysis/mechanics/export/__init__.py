"""A movement's mechanics as files of other programs."""
