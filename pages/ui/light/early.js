// Asks for the first tiles before the player is here, and starts the thread that colours them; the browser keeps them for
// it. Where a width is guessed wrong the player asks for others.

import { checkedPicture, pictureQuery, rowsFor } from "../player/picture/options.js";
import { TileSet, zoomFor } from "../player/picture/tileset.js";
import { startAhead } from "../player/picture/worker.js";
import { firstView } from "../player/span.js";

/** @import { LightClip } from "../shared/server" */

/** @type {LightClip} */
const given = JSON.parse(document.getElementById("given")?.textContent ?? "");
const { clip, preferences } = given.visit;
if (clip && clip.tile_url && !clip.error) {
  startAhead();
  const wide = Math.min(document.documentElement.clientWidth, 2100) - (innerWidth > 640 ? 80 : 32);
  const beside = wide > 640 ? 168 + 58 : 52 + 40; // the names and numbers beside the picture (player.css, stage.css)
  const { from_s, to_s } = firstView(clip);
  const zoom = zoomFor(to_s - from_s, Math.round((wide - beside - 2) * devicePixelRatio));
  const picture = checkedPicture(preferences.picture);
  const query = pictureQuery({ ...picture, rows: picture.rows || rowsFor(innerHeight) });
  const sets = [new TileSet(clip.tile_url, { query, palette: "" })];
  if (preferences.look?.waveform !== false) sets.push(new TileSet(clip.peaks_url, { kind: "peaks", palette: "" }));
  for (const wish of sets.flatMap((set) => set.covering(zoom, from_s, to_s, clip.duration_s))) {
    fetch(new URL(wish.url, document.baseURI)).then((answer) => answer.arrayBuffer()).catch(() => {}); // the player says what is wrong
  }
}
