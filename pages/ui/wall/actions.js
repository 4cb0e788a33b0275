// What each action of a key or a button does on the wall.

import { lookFor } from "./like.js";

/** @import { ActionsHost } from "./types" */

// By its name in keys.WALL_KEYS; with Shift, moving selects on the way.
/** @param {ActionsHost} host @param {boolean} shift */
export function actionsOf(host, shift) {
  const { grid, shown, sound, choice } = host;
  const page = grid.columns * grid.rowsOnScreen;
  return {
    left: () => host.move(-1, shift),
    right: () => host.move(1, shift),
    up: () => host.active >= grid.columns && host.move(-grid.columns, shift),
    down: () => host.move(grid.columns, shift),
    pageUp: () => host.move(-page, shift),
    pageDown: () => host.move(page, shift),
    first: () => host.move(-shown.length, shift),
    last: () => host.move(shown.length, shift),
    play: () => (sound.snippet && sound.id === shown[host.active]?.id ? sound.stop() : host.played(host.active)),
    toggle: () => choice.toggle(host.active),
    above: () => choice.range(0, host.active),
    all: () => choice.range(0, shown.length - 1),
    clear: () => {
      choice.clear();
      sound.stop();
    },
    present: () => host.decide("present"),
    absent: () => host.decide("absent"),
    unsure: () => host.decide("unsure"),
    undo: () => host.batch.undo(),
    open: () => host.opened(host.active),
    like: () => lookFor(host, true),
    unlike: () => lookFor(host, false),
    tidy: () => host.list.fetch(),
    hover: () => {
      host.onHover = !host.onHover;
      if (!host.onHover) sound.stop();
      host.drawCounts();
    },
    hide: () => {
      host.hiding = !host.hiding;
      host.show();
    },
  };
}
