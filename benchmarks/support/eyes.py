"""What a reviewer sees and hears, clocked from outside the product: keys, pixels, and events of the sound.

`LOOK` is run in each page before any script of its own. It knows nothing of Earmark's elements or calls: the picture is
the largest canvas in the window, a list is what has rows, a sound is what was told to play, and the clock begins where
the browser received the key. So any other program that runs in a browser can be held against the same clock.
"""

from __future__ import annotations

from typing import Any

SETTLED_MS = 250  # a picture that stayed for so long is the one that was meant
LONGEST_MS = 20_000

LOOK = (
    f"const SETTLED_MS = {SETTLED_MS}, LONGEST_MS = {LONGEST_MS};"
    + """
{
  const eyes = { pressed: 0, heard: 0, saved: 0 };
  const everywhere = function* (root, wanted) {
    for (const node of root.querySelectorAll("*")) {
      if (node.matches(wanted)) yield node;
      if (node.shadowRoot) yield* everywhere(node.shadowRoot, wanted);
    }
  };
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const area = (node) => { const box = node.getBoundingClientRect(); return box.width * box.height; };

  // ------------------------------------------------ key, sound, answers: by the browser's own clock
  addEventListener("keydown", (event) => { eyes.pressed ||= event.timeStamp; }, true);
  const heard = ({ timeStamp }) => { if (eyes.pressed) eyes.heard ||= timeStamp; };
  const sounds = new WeakSet();
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    if (!sounds.has(this)) this.addEventListener("playing", heard);
    sounds.add(this);
    return play.call(this);
  };
  const ask = window.fetch;
  window.fetch = async function (...given) {
    const answer = await ask.apply(this, given);
    if ((given[1]?.method ?? given[0]?.method ?? "GET") !== "GET" && answer.ok) eyes.saved ||= performance.now();
    return answer;
  };

  // ------------------------------------------------ pixels
  let canvas = null;
  const largest = () => [...everywhere(document, "canvas")].sort((a, b) => area(b) - area(a))[0] ?? null;
  // a number for what the largest canvas shows, from six lines across it; 0 where it has one colour only
  function shown() {
    if (!canvas?.isConnected || !last) canvas = largest();
    return (last = look());
  }
  let last = 0;
  function look() {
    const { width = 0, height = 0 } = canvas ?? {};
    if (width < 100 || height < 20) return 0;
    const context = canvas.getContext("2d");
    let sum = 7, plain = true, first;
    for (let line = 1; line < 7; line += 1) {
      const row = new Uint32Array(context.getImageData(0, Math.floor((line * height) / 7), width, 1).data.buffer);
      first ??= row[0];
      for (const colour of row) { sum = (Math.imul(sum, 31) + colour) | 0; plain &&= colour === first; }
    }
    return plain ? 0 : sum || 1;
  }
  const isRow = (node) => area(node) > 500 && node.textContent.trim() !== "";
  const hasRows = () => [...everywhere(document, "[role=row]")].filter(isRow).length > 2;

  // From a press on: when the picture was another one, and stayed it, and where one `listens` the sound begins. `own`:
  // what the product itself says of it.
  eyes.begin = (listens) => {
    const before = shown();
    const player = [...everywhere(document, "[data-testid=player]")][0];
    const clip = player?.dataset.clipId;
    Object.assign(eyes, { pressed: 0, heard: 0, saved: 0 });
    eyes.found = (async () => {
      let last = before, changed = 0, own = 0, moved = false;
      for (const began = performance.now(); performance.now() - began < LONGEST_MS;) {
        await frame();
        const now = performance.now();
        if (!eyes.pressed) continue;
        const picture = shown();
        if (picture !== last) { last = picture; changed = now; }
        const data = player?.dataset ?? {};
        moved ||= data.clipId !== clip;
        if (moved && !own && data.shown === data.clipId && data.playable === data.clipId) own = now;
        const rests = now - Math.max(changed, own, eyes.saved, eyes.pressed) > SETTLED_MS;
        if (rests && changed && last && last !== before && (eyes.heard || !listens)) break;
        if (rests && own && (eyes.heard || !listens)) break;  // the next picture is the same
        if (rests && eyes.saved && !moved && data.locked !== "true") break;  // decided, and more to decide here
        if (player && !player.isConnected) break;
      }
      const since = (at) => (at ? at - eyes.pressed : null);
      const seen = last && last !== before ? changed : 0;
      return { seen: since(seen), heard: since(eyes.heard), saved: since(eyes.saved), own: since(own), moved };
    })();
  };
  // From the beginning of the navigation to the first frame with a picture or a list.
  eyes.opened = async () => {
    while (!shown() && !hasRows()) await frame();
    return performance.now();
  };
  performance.setResourceTimingBufferSize(10000);
  window.eyes = eyes;
}"""
)

# since it was last asked; a worker's requests are known to itself alone
_TRAFFIC = """() => {
  const entries = performance.getEntriesByType("resource");
  if (!performance.counted) entries.push(...performance.getEntriesByType("navigation"));
  performance.counted = true;
  performance.clearResourceTimings();
  return { requests: entries.length, bytes: entries.reduce((sum, entry) => sum + entry.transferSize, 0) };
}"""


def traffic(page: Any) -> dict[str, float]:
    """Requests and bytes (with their heads, as they came over the wire) of a page and its workers, since the last time
    that it was asked."""
    found = [one.evaluate(_TRAFFIC) for one in (page, *page.workers)]
    return {name: sum(one[name] for one in found) for name in ("requests", "bytes")}


def press(page: Any, key: str, *, listens: bool = False) -> dict[str, Any]:
    """Press a key, as a person does, and watch: ms until the picture was ``seen``, the sound ``heard``, a decision
    ``saved``, and the product's ``own`` mark came; None for what did not happen. ``moved``: to another clip."""
    page.evaluate("(listens) => eyes.begin(listens)", listens)
    page.keyboard.press(key)
    found: dict[str, Any] = page.evaluate("eyes.found")
    return found
