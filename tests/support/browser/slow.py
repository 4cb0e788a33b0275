"""A browser as on a slow, loaded machine, for whoever looks for a test, or a page, that holds by accident of timing.

EARMARK_TEST_SLOW=1 gives every tab a sixth of the processor, and answers of /api/ that take 0.3 s longer: half of it
before the server hears, half after it has answered. By the page's own fetch, as Playwright's routes and the protocol
would put the browser's cache off.
"""

from __future__ import annotations

import os
from typing import Any

SLOW = bool(os.environ.get("EARMARK_TEST_SLOW"))
RATE = 6
DELAYED = """(() => {
  const quick = window.fetch, pause = () => new Promise((done) => setTimeout(done, 150));
  window.fetch = async (what, ...more) => {
    const isLast = Boolean(more[0]?.keepalive); // it is said as the page is left
    if (isLast || !String(what?.url ?? what).includes("/api/")) return quick(what, ...more);
    await pause();
    const answer = await quick(what, ...more);
    await pause();
    return answer;
  };
})()"""


def slowed(page: Any) -> Any:
    """The tab, slow from now on where the environment asks for it."""
    if SLOW:
        page.add_init_script(DELAYED)
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": RATE})
    return page
