"""Pictures of the status page, for the README: `python -m tests.status_screenshots` writes them anew."""

import asyncio
from pathlib import Path
from typing import Literal

from tests.rigs.chromium import chromium
from tests.status_rig import a_day, shown

FOLDER = Path(__file__).parents[1] / "deploy" / "screenshots"
SIZES = {"desk": (1280, 1000), "phone": (390, 844)}
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")


async def write(folder: Path) -> None:
    """Take the pictures, light and dark: of the whole page on a desk, and of a phone's screen."""
    async with shown(a_day()) as listener, chromium() as browser:
        for name, (width, height) in SIZES.items():
            page = await browser.new_page(viewport={"width": width, "height": height})
            await page.goto(listener.url)
            await page.wait_for_selector("#live:has-text('Live')")
            for scheme in SCHEMES:
                await page.emulate_media(color_scheme=scheme)
                await page.screenshot(path=folder / f"status-{name}-{scheme}.png", full_page=name == "desk")
            await page.close()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    asyncio.run(write(FOLDER))
