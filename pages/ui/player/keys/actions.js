// What each action of a key or a button does.

import { COLORMAPS } from "../../shared/picture.js";
import { moreLike } from "../like.js";
import { stretchOf } from "../span.js";

/** @import { ActionsHost } from "../types" */

// By its name in keys.KEYMAP; with Shift some go further.
/** @param {ActionsHost} host @param {boolean} shift */
export function actionsOf(host, shift) {
  const { sound, stage, boxes, decisions } = host;
  const far = shift ? 5 : 1;
  return {
    toggle: () => (sound.playing ? sound.pause() : sound.resume()),
    stretch: () => host.playStretch(),
    loop: () => host.setLook({ loop: !host.look.loop }),
    back: () => host.seek(sound.position - far),
    forward: () => host.seek(sound.position + far),
    start: () => host.seek(0),
    slower: () => host.transport.changeSpeed(-1),
    faster: () => host.transport.changeSpeed(1),
    pitch: () => host.setLook({ pitch: host.look.pitch === "kept" ? "shifted" : "kept" }),
    normalise: () => host.setLook({ normalise: !host.look.normalise }),
    band: () => host.transport.toggleBand(),
    present: () => decisions.decide("present"),
    absent: () => decisions.decide("absent"),
    unsure: () => decisions.decide("unsure"),
    confirm_rest: () => decisions.confirmRest(),
    remove: () => decisions.remove(),
    add: () => decisions.choose(),
    undo: () => decisions.undo(),
    skip: () => decisions.mark("skip"),
    later: () => decisions.mark("later"),
    flag: () => decisions.mark("flag"),
    note: () => host.drawer.write(),
    history: () => host.drawer.toggle(),
    next: () => host.go(1),
    previous: () => host.go(-1),
    up: () => host.focused.move(-1),
    down: () => host.focused.move(1),
    box: () => boxes.fromSelection(),
    take_stretch: () => boxes.takeStretch(),
    next_box: () => boxes.next(),
    delete_box: () => boxes.remove(),
    nudge_left: () => boxes.nudge(-1, shift),
    nudge_right: () => boxes.nudge(1, shift),
    zoom_in: () => stage.zoom(0.5),
    zoom_out: () => stage.zoom(2),
    pan_left: () => stage.pan(-0.5),
    pan_right: () => stage.pan(0.5),
    zoom_selection: () => stage.zoomTo(stage.selection || stretchOf(host.lane)),
    fit: () => stage.fit(),
    like: () => moreLike(host),
    heatmap: () => host.setLook({ heatmap: !host.look.heatmap }),
    compare: () => (host.data.compare_run ? host.setLook({ compare: !host.look.compare }) : host.tell("choose a second run below first", "warning")),
    denoise: () => stage.toggleDenoise(),
    settings: () => stage.toggleSettings(),
    colormap: () => {
      const names = ["auto", ...Object.keys(COLORMAPS)];
      host.setLook({ colormap: names[(names.indexOf(host.look.colormap) + 1) % names.length] });
    },
    clear: () => host.clear(),
    help: () => host.help.toggle(),
  };
}
