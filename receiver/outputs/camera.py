"""Stage 10, display: a camera that other programs may choose, by pyvirtualcam (the extra `camera`)."""

import sys
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from receiver.errors import DisplayError
from receiver.outputs.output import Ended, Pictures
from receiver.picture import Picture, fit
from signaling.printable import reason_of

__all__ = ["CameraOutput"]

FPS = 30  # that programs are told; pictures come when they come
AGAIN_S = 0.1  # then the last one is given again: programs wait for pictures
_HELP = {
    "linux": "load v4l2loopback (Debian: apt-get install v4l2loopback-dkms, then modprobe v4l2loopback)",
    "darwin": "install OBS Studio and start its virtual camera once",
    "win32": "install OBS Studio, which brings a virtual camera",
}


class CameraOutput(Pictures):
    """A virtual camera of `size` by `size`, that is fed with what is shown. `device` names one, else it is the first.

    Raises DisplayError where pyvirtualcam, the system's module or a device is missing, with what to install.
    """

    def __init__(self, *, size: int, device: str = "", ended: Ended) -> None:
        self._camera = _opened(size, device)
        self._size = size
        self._last: Picture | None = None
        super().__init__(name="facewire-camera", what=f"the camera {self.device}", capacity=2, ended=ended)

    @property
    def device(self) -> str:
        """What other programs find it as."""
        return str(self._camera.device)

    def _step(self) -> bool:
        picture = self._next(timeout=AGAIN_S)
        self._last = picture or self._last
        if self._last is not None:
            self._handle(self._last)
        return not self._closing

    def _handle(self, picture: Picture) -> None:
        try:
            self._camera.send(fit(picture.rgb(), width=self._size, height=self._size))
        except (RuntimeError, OSError) as error:
            raise DisplayError(f"the camera {self.device} takes no pictures any more: {reason_of(error)}") from None

    def _finish(self) -> None:
        with suppress(RuntimeError, OSError):
            self._camera.close()


def _opened(size: int, device: str) -> Any:
    if find_spec("pyvirtualcam") is None:
        raise DisplayError("--output camera needs pyvirtualcam: pip install 'facewire[camera]'")
    try:
        import pyvirtualcam

        return pyvirtualcam.Camera(width=size, height=size, fps=FPS, device=device or None)
    except (ImportError, RuntimeError, OSError, ValueError) as error:
        hint = _HELP.get(sys.platform, "see what pyvirtualcam says of your system")
        raise DisplayError(f"no virtual camera: {' '.join(reason_of(error).split())}; {hint}") from None
