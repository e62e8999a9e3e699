"""What Gordon says on Slack, looked at in a real browser: all of it to be seen and read, light and dark, on a phone."""

from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from tests.rigs.chromium import chromium
from tests.slack_gallery import HOSTILE, SAID, written
from tests.slack_page import page

READABLE = 4.5  # of contrast, by WCAG 2 for text of this size
WIDTHS = {"desktop": 1280, "phone": 390}
# Of each text on the page: what cannot be seen, or read for lack of contrast. Of the page: what is wider than it.
LOOK = """
() => {
  const lit = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(part => part / 255)
      .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = node => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const wrong = [];
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide) wrong.push("the page is wider than the screen");
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  for (let text; text = texts.nextNode();) {
    const words = text.nodeValue.trim();
    if (!words) continue;
    count += 1;
    const range = document.createRange();
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    const card = text.parentElement.closest(".slack, article, body").getBoundingClientRect();
    if (box.width < 1 || box.height < 1) wrong.push(`not to be seen: ${words}`);
    if (box.left < card.left || box.right > card.right + 1) wrong.push(`out of its card: ${words}`);
    if (box.top < card.top || box.bottom > card.bottom + 1) wrong.push(`below its card: ${words}`);
    const [dark, light] = [lit(getComputedStyle(text.parentElement).color), lit(ground(text.parentElement))]
      .sort((one, other) => one - other);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < READABLE) wrong.push(`contrast ${contrast.toFixed(2)}: ${words}`);
  }
  return {wrong, count, cards: document.querySelectorAll("article").length};
}
""".replace("READABLE", str(READABLE))


async def looked_at(html: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Show a page at several widths, and tell what is wrong with it there; of that a picture is kept."""
    path = folder / "gallery.html"
    path.write_text(html, encoding="utf-8")
    async with chromium() as browser:
        return {name: await _seen(browser, path, name, width) for name, width in WIDTHS.items()}


async def _seen(browser: Browser, path: Path, name: str, width: int) -> dict[str, Any]:
    shown = await browser.new_page(viewport={"width": width, "height": 900})
    said: list[str] = []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    await shown.goto(path.as_uri())
    seen: dict[str, Any] = await shown.evaluate(LOOK)
    wrong = seen["wrong"] + said
    if wrong:  # of a page that is as long as this one it takes seconds
        await shown.screenshot(path=path.with_name(f"{name}.png"), full_page=True)
    return {**seen, "wrong": wrong}


async def test_all_that_gordon_says_can_be_seen_and_read(tmp_path: Path) -> None:
    html = await written(tmp_path / "worlds")
    for name, seen in (await looked_at(html, tmp_path)).items():
        assert seen["wrong"] == [], name
        assert seen["cards"] > len(SAID)
        assert seen["count"] > 10 * len(SAID)
    assert "@channel" not in html
    assert "&lt;!channel&gt; *bold* `code` _it_ &lt;https://evil.test|docs&gt; &amp; gnp" in html
    assert "\u202e" in HOSTILE
    assert "\u202e" not in html


WRONG = {
    "the page is wider": '<div style="width: 2000px">wide</div>',
    "out of its card: xxx": f'<div style="white-space: nowrap; overflow: hidden">{"x" * 900}</div>',
    "below its card: low": '<div style="position: absolute; top: 9000px">low</div>',
    "contrast 3.54: pale": '<div style="color: #888; background: white">pale</div>',
    "not to be seen: gone": '<div style="display: none">gone</div>',
    "nothing is not defined": "<script>nothing()</script>",
}


async def test_whatever_is_wrong_with_a_page_is_found_out(tmp_path: Path) -> None:
    for name, seen in (await looked_at(page([("a card", "".join(WRONG.values()), "")]), tmp_path)).items():
        missed = [what for what in WRONG if not any(what in one for one in seen["wrong"])]
        assert missed == [], seen["wrong"]
        assert (tmp_path / f"{name}.png").stat().st_size > 1000
