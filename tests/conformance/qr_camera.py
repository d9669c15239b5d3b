"""A camera between two QR links: it watches one directory and leaves in another what it caught.

It sees an animation frame by frame, misses some, catches others twice or late, as cameras do, and
each frame that it caught is an image of its own.
"""

import asyncio
import shutil
from pathlib import Path

from feiqian.adapters.qr_codes import decode_png, encode_png
from feiqian.testing.link_conformance import Damage

LOOK_S = 0.01


class Camera:
    """Watches `scene` for whoever looks at `film`."""

    def __init__(self, scene: Path, film: Path, damage: Damage) -> None:
        self._scene = scene
        self._film = film
        self._damage = damage
        self._seen: set[str] = set()

    async def watch(self) -> None:
        """Look again and again, for as long as the task lives."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Take in what is new; an end is seen only after what was shown before it."""
        ends = list(self._scene.glob("*.closed"))
        for path in sorted(self._scene.glob("payee-*.png")):
            if path.name not in self._seen:
                self._seen.add(path.name)
                self._expose(path)
        for end in ends:
            shutil.copy(end, self._film / end.name)

    def _expose(self, path: Path) -> None:
        caught = self._damage.units(decode_png(path.read_bytes()))
        for number, code in enumerate(caught):
            image = encode_png(code)[: self._damage.tear_at_byte]
            hidden = self._film / f".{path.stem}-{number:04d}.part"
            hidden.write_bytes(image)
            hidden.rename(self._film / f"{path.stem}-{number:04d}.png")
