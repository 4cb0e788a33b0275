"""The map: how long one takes to make, how many bytes it is, and how it moves in a browser.

    python -m benchmarks.map --build 100000
    python -m benchmarks.map --frames 1000000

Both make a space of vectors without sound: a hundred heaps in 512 numbers (``--size``) with noise, of clips with fifty
stretches each. ``--build`` makes its map as the job does, on one core: 64 principal components, UMAP, clusters.
``--frames`` lays the heaps out by their own numbers instead, opens the page in a headless Chromium, drags the map and
zooms it, for each frame, and counts frames; what the page asks the server for is timed there. A headless Chromium draws
with the processor (SwiftShader), as a machine does that has no graphics card.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from labeling.collection.adding import NewClip, add_collection
from labeling.embeddings.search import most_alike
from labeling.embeddings.space import ClipVectors, SpaceFacts, append, join_parts, open_space, sounds_now
from labeling.landscape.clustering import clusters_of
from labeling.landscape.colouring import colouring
from labeling.landscape.grid import grid_of, inside
from labeling.landscape.points import points_of
from labeling.landscape.principal import principal_components
from labeling.landscape.projection import keep_projection, read_projection, space_digest
from labeling.workspace import Workspace, open_workspace
from models.mapping.jobs import MapRequest
from models.mapping.making import MOST_AXES, make_map
from tests.support.browser.chromium import chromium
from tests.support.browser.server import serve

OF_CLIP = 50
HEAPS = 100
PART = 2_000
"""Clips a part of the space."""
MOVE_S = 6.0


def main() -> None:
    """Measure what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=int, default=0, metavar="N", help="make the map of so many stretches")
    parser.add_argument("--frames", type=int, default=0, metavar="N", help="show the map of so many stretches")
    parser.add_argument("--size", type=int, default=512, help="numbers a vector")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earmark-map-") as folder:
        if args.build:
            with closing(filled(Path(folder) / "build", args.build, args.size)) as workspace:
                build(workspace)
        if args.frames:
            with closing(filled(Path(folder) / "frames", args.frames, args.size)) as workspace:
                lay_out(workspace)
                at_the_server(workspace)
            in_the_browser(Path(folder) / "frames", args.frames)


def filled(root: Path, stretches: int, size: int) -> Workspace:
    """A workspace with a space of so many stretches, heap by heap."""
    rng = np.random.default_rng(0)
    count = -(-stretches // OF_CLIP)
    workspace = open_workspace(root, create=True)
    new = [
        NewClip(
            filename=f"{place:06d}.wav", path=f"/audio/{place:06d}.wav", row=place,
            labels=((f"class{place % HEAPS % 40:02d}", "primary"),), group=f"recordist-{place % 500}",
            duration_s=float(OF_CLIP + 1), sample_rate=8000, channels=1, content_hash=f"hash-{place}",
        )
        for place in range(count)
    ]  # fmt: skip
    with workspace.write() as connection:
        add_collection(
            connection, format="table", source="/audio", audio_root="/audio", options={}, table_name="train.csv",
            table_bytes=b"filename,label\n", clips=new, class_names={},
        )  # fmt: skip
    with workspace.read() as connection:
        sounds = sounds_now(connection)
    facts = SpaceFacts("heaps", "imported:heaps", "", "", 8000, 2.0, 1.0, size)
    middles = rng.standard_normal((HEAPS, size), np.float32)
    onset_s = np.arange(OF_CLIP, dtype=np.float32)
    for first in range(0, count, PART):
        made = [
            ClipVectors(
                place + 1, sounds[place + 1],
                middles[place % HEAPS] + 0.7 * rng.standard_normal((OF_CLIP, size), np.float32), onset_s, onset_s + 2,
            )
            for place in range(first, min(first + PART, count))
        ]  # fmt: skip
        append(workspace, facts, made)
    join_parts(workspace, "heaps", most=1)
    return workspace


def timed(what: str, work: Callable[[], Any]) -> Any:
    """Do something, and say how long it took."""
    began = time.perf_counter()
    value = work()
    print(f"{what}: {time.perf_counter() - began:,.2f} s", flush=True)
    return value


def build(workspace: Workspace) -> None:
    """Make the map as the job does."""
    space = open_space(workspace, "heaps")
    print(f"{len(space):,} stretches of {space.facts.size} numbers")
    timed("first two principal components (what is shown at once)", lambda: principal_components(space.vectors))
    timed(f"first {MOST_AXES}", lambda: principal_components(space.vectors, MOST_AXES))
    began, phases = time.perf_counter(), dict[str, float]()

    def tell(progress: Any) -> None:
        phases.setdefault(progress["phase"], time.perf_counter() - began)

    made = timed("the whole job", lambda: make_map(workspace, MapRequest("heaps"), tell, lambda: False))
    for phase, at_s in phases.items():
        print(f"  {phase} from {at_s:,.1f} s on")
    print(f"{made['clusters']} clusters of {HEAPS} heaps")


def lay_out(workspace: Workspace) -> None:
    """A map without UMAP, for what shows one: heaps on a spiral."""
    space = open_space(workspace, "heaps")
    rng = np.random.default_rng(1)
    heap = (space.clip_ids - 1) % HEAPS
    middle = np.sqrt(heap)[:, None] * np.stack([np.cos(2.4 * heap), np.sin(2.4 * heap)], axis=1)
    at = middle + 0.25 * rng.standard_normal((len(space), 2))
    cluster = timed("clusters", lambda: clusters_of(at))
    keep_projection(workspace, "heaps", space_digest(workspace, "heaps"), at, cluster, {"seed": 0})


def at_the_server(workspace: Workspace) -> None:
    """What the page asks for."""
    space, projection = read_projection(workspace, "heaps")
    print(f"{len(space):,} stretches")
    points = timed("points, the first time", lambda: points_of(projection))
    data = timed("points as bytes", lambda: points.data)
    print(f"  {len(data) / 1e6:.1f} MB, and 2 bytes a point for a colour: {(len(data) + 2 * len(space)) / 1e6:.1f} MB")
    with workspace.read() as connection:
        for by in ("class", "recordist"):
            timed(f"colours by {by}", partial(colouring, workspace, connection, space, projection, by))
    grid = timed("grid", lambda: grid_of(projection.places))
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    outline = np.rint(32_768 + 15_000 * np.stack([np.cos(turn), np.sin(turn)], axis=1)).astype(int)
    found = timed("an outline of 64 corners", lambda: inside(grid, outline))
    print(f"  holds {len(found):,}")
    timed("true neighbours of a point", lambda: most_alike(workspace, "heaps", np.asarray(space.vectors[0]), 32))
    timed("and again", lambda: most_alike(workspace, "heaps", np.asarray(space.vectors[1]), 32))


COUNT = """([seconds, what]) => new Promise((done) => {
  const find = (node) => {
    const found = node.querySelector('[data-testid=map-root]');
    if (found) return found;
    for (const one of node.querySelectorAll('*')) {
      const inside = one.shadowRoot && find(one.shadowRoot);
      if (inside) return inside;
    }
    return null;
  };
  const root = find(document), area = root.querySelector('[data-testid=map-canvas]');
  const box = area.getBoundingClientRect();
  area.setPointerCapture = () => {}; // there is no such pointer
  const took = [], drawn = [];
  let last = performance.now(), turn = 0;
  const until = last + 1000 * seconds;
  const step = (now) => {
    took.push(now - last);
    drawn.push(Number(root.dataset.drawn));
    last = now;
    turn += 1;
    const back = Math.floor(turn / 25) % 2;
    const how = { bubbles: true, composed: true, cancelable: true };
    const place = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
    place.clientX += what === 'zoom' ? 0 : 120 * Math.sin(turn / 12);
    place.clientY += what === 'zoom' ? 0 : 120 * Math.cos(turn / 12);
    if (what === 'zoom') area.dispatchEvent(new WheelEvent('wheel', { ...how, ...place, deltaY: back ? 12 : -12 }));
    else {
      const name = turn === 1 ? 'pointerdown' : 'pointermove';
      area.dispatchEvent(new PointerEvent(name, { ...how, ...place, pointerId: 1 }));
    }
    if (now < until) requestAnimationFrame(step); else done({ took: took.slice(30), drawn: drawn.slice(30) });
  };
  requestAnimationFrame(step);
})"""


def in_the_browser(root: Path, count: int) -> None:
    """Drag the map and zoom it, anew for each frame, in a headless Chromium."""
    with chromium() as browser, serve(root) as server:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{server.url}/map")
        began = time.perf_counter()
        shown = page.get_by_test_id("map-root")
        shown.wait_for(timeout=120_000)
        page.wait_for_function(
            "(count) => [...document.querySelectorAll('*')].some((one) => one.shadowRoot?.querySelector("
            "'[data-testid=map-root]')?.dataset.drawn === String(count))", arg=count, timeout=300_000,
        )  # fmt: skip
        print(f"from an open page to all points drawn: {time.perf_counter() - began:,.1f} s")
        print(f"drawn by {page.evaluate(RENDERER)}")
        for what in ("drag", "zoom"):
            page.wait_for_timeout(2_000)
            counted = page.evaluate(COUNT, [MOVE_S, what])
            took, drawn = np.array(counted["took"]), np.array(counted["drawn"])
            print(
                f"{what}: {1000 / took.mean():.0f} frames a second (slowest twentieth {np.percentile(took, 95):.0f} ms "
                f"each), {np.median(drawn):,.0f} of {count:,} points a frame while it moves"
            )


RENDERER = """() => {
  const gl = document.createElement('canvas').getContext('webgl2');
  const facts = gl.getExtension('WEBGL_debug_renderer_info');
  return facts ? gl.getParameter(facts.UNMASKED_RENDERER_WEBGL) : 'an unknown renderer';
}"""


if __name__ == "__main__":
    main()
