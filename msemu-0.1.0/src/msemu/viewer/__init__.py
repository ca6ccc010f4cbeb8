"""What people see of a movement: a page in the browser, pictures and videos."""

from typing import Literal

RendererName = Literal["auto", "egl", "lines"]
"""How pictures are drawn: with OpenGL, without it, or with it where there is any."""
