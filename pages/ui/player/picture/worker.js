// The thread for the tiles. It takes a while to begin, and cannot while a page draws itself: a page that knows that there
// will be a player starts it first.

import tileWorkerSource from "./tile_worker.js?text";

function startWorker() {
  const source = URL.createObjectURL(new Blob([tileWorkerSource], { type: "text/javascript" }));
  const thread = new Worker(source);
  URL.revokeObjectURL(source);
  return thread;
}

// Called by the page's own script, which shares nothing with the player but the window.
export function startAhead() {
  window.earmarkTileWorker = startWorker();
}

// The thread that was started ahead, for whoever asks first.
export function startedWorker() {
  const thread = window.earmarkTileWorker ?? startWorker();
  delete window.earmarkTileWorker;
  return thread;
}
