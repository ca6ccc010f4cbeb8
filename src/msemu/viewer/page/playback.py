"""The clock of a player: which frame is shown when."""


class Playback:
    """Keeps the place in a recording of so many frames and frames per second [Hz].

    Attributes:
        playing: Whether time runs.
        speed: Rate against real time.
        loop: Whether the recording starts again at its end; otherwise it stops there.
    """

    def __init__(self, num_frames: int, fps: float):
        self._num_frames = num_frames
        self._fps = fps
        self._place = 0.0
        self.playing = True
        self.speed = 1.0
        self.loop = True

    @property
    def frame(self) -> int:
        """Index of the frame to show."""
        return min(int(self._place), self._num_frames - 1)

    def seek(self, frame: int) -> None:
        """Go to a frame."""
        self._place = float(frame)

    def change(self, num_frames: int, frame: int) -> None:
        """Go on from a frame of a movement of another length."""
        self._num_frames = num_frames
        self.seek(min(frame, num_frames - 1))
        self.playing = True

    def play(self) -> None:
        """Let time run, from the start if the end was reached."""
        if not self.loop and self.frame == self._num_frames - 1:
            self._place = 0.0
        self.playing = True

    def advance(self, elapsed_s: float) -> None:
        """Let some wall-clock time pass [s]."""
        if not self.playing:
            return
        self._place += elapsed_s * self._fps * self.speed
        if self._place >= self._num_frames:
            if self.loop:
                self._place %= self._num_frames
            else:
                self._place = float(self._num_frames - 1)
                self.playing = False
