// The controls of sound and looks, what they are set to, and the cursor that follows the sound.

import { setIcon } from "../../shared/elements.js";
import { COLORMAPS } from "../../shared/picture.js";
import { hasBand } from "../boxes/region.js";
import { Sound, SPEEDS } from "./sound.js";
import { SoundStore } from "./store.js";

/**
 * @import { Clip } from "../../shared/server"
 * @import { View, Look, HeardBand, TransportHost } from "../types"
 */

const sounds = new SoundStore(8);
/** @type {Look} */
const STANDARD_LOOK = {
  colormap: "auto", floor: 0, ceiling: 0, gain: 0, speed: 1, pitch: "kept", normalise: false, loop: false, autoplay: false,
  heatmap: false, compare: true, waveform: true,
};
const SLIDERS = /** @type {const} */ (["floor", "ceiling", "gain"]);
const ASK_AGAIN_MS = 2000; // a server or a file that had gone
const HIGHEST_HEARD_HZ = 20000;
/** @type {Record<string, [number, number]>} */
const LOOK_BOUNDS = { floor: [-40, 40], ceiling: [-40, 40], gain: [-12, 36] };

// What was kept, where it is something that these controls can show.
/** @param {any} kept */
function checkedLook(kept) {
  const look = { ...STANDARD_LOOK };
  for (const [name, standard] of Object.entries(STANDARD_LOOK)) {
    const value = kept?.[name];
    if (typeof value !== typeof standard) continue;
    const [least, most] = LOOK_BOUNDS[name] || [-Infinity, Infinity];
    if (typeof value === "number" && !(value >= least && value <= most)) continue;
    if (name === "speed" && !SPEEDS.includes(value)) continue;
    if (name === "colormap" && value !== "auto" && !(value in COLORMAPS)) continue;
    if (name === "pitch" && !["kept", "shifted"].includes(value)) continue;
    Object.assign(look, { [name]: value });
  }
  return look;
}

export class Transport {
  /** @param {View} v @param {TransportHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    this.look = { ...STANDARD_LOOK };
    /** @type {HeardBand | null} */
    this.band = null;
    this.failed = false; // whether the sound cannot be played
    this.away = false; // whether the server or the file was not there when it was last asked
    this.asking = 0;
    this.frame = 0;
    this.sound = new Sound(sounds, (what) => this.heard(what));
    this.listen();
  }

  /** @param {any} kept */
  begin(kept) {
    this.look = checkedLook(kept);
    this.apply(Object.keys(this.look));
  }

  load() {
    const { data } = this.host;
    this.say("");
    delete this.v.root.dataset.playable;
    if (this.band) this.setBand(null); // it was chosen for another sound
    if (data.audio_url && !data.error) this.sound.load(data.audio_url, data);
    else this.sound.unload();
    this.draw();
  }

  // Another channel of the same clip, from where it was.
  loadAnew() {
    const positionS = this.sound.position;
    this.load();
    this.sound.seek(positionS);
  }

  // What was to be fetched ahead of the clip that was left.
  passed() {
    this.sound.store.passed();
  }

  /** @param {Clip} next */
  ahead(next) {
    if (next.audio_url && !next.error) this.sound.ahead(next.audio_url, next.sample_rate);
  }

  /** @param {string} what */
  heard(what) {
    const { data, stage } = this.host;
    if (!data) return;
    if (what === "playable") {
      this.v.root.dataset.playable = String(data.clip_id);
      if (!this.failed && !this.away) this.say("");
    }
    else if (what === "error") this.broken();
    else if (what === "late") this.missed();
    else if (what === "blocked") this.host.tell("the browser waits for a press before it plays", "warning");
    this.draw();
    stage.drawCursor();
    if (this.sound.playing && !this.frame) this.animate();
  }

  // What is wrong with the sound, in words; "": nothing.
  /** @param {string} text */
  say(text) {
    clearTimeout(this.asking);
    this.failed = this.away = false;
    this.v.soundError.textContent = text;
    this.v.soundError.hidden = !text;
  }

  // The sound can be played no further. Where the server has it another way is tried, else it is waited for.
  async broken() {
    this.failed = true;
    const answer = await this.ask();
    if (!answer || !this.failed) return;
    if (answer.status === 403) this.host.renew(); // the link has run out: the page makes a new one
    if (answer.status === 200 && this.sound.again(false)) this.say(""); // a WAV is what every browser plays
    else {
      this.say(`This file cannot be played: ${answer.text}`);
      this.failed = true;
      if (answer.status !== 200) this.untilBack();
    }
    this.draw();
  }

  // It should play, and nothing comes.
  async missed() {
    const answer = await this.ask();
    if (!answer || !this.sound.going) return;
    if (answer.status === 200) this.say("The sound is late: the server is still at work on it.");
    else this.say(`The sound has stopped: ${answer.text}. It goes on when it is there again.`);
    if (answer.status !== 200) this.untilBack();
  }

  // Until the server, or the file, is back.
  untilBack() {
    this.away = true;
    this.asking = setTimeout(async () => {
      const answer = await this.ask();
      if (!answer || !this.away) return;
      if (answer.status !== 200) this.untilBack();
      else {
        this.say("");
        this.sound.again(true);
        this.draw();
      }
    }, ASK_AGAIN_MS);
  }

  // What the server says of the sound at this place; null where another clip is on the screen by then.
  async ask() {
    const { url } = this.sound;
    const answer = await this.sound.reason();
    return url && url === this.sound.url ? answer : null;
  }

  animate() {
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.sound.watch();
      this.host.stage.drawCursor();
      if (this.sound.playing) this.animate();
    });
  }

  /** @param {number} step */
  changeSpeed(step) {
    const speed = SPEEDS[SPEEDS.indexOf(this.look.speed) + step];
    if (speed) this.setLook({ speed });
  }

  // Only the band of the selection or of the box that is picked is heard, until pressed again.
  toggleBand() {
    if (this.band) return this.setBand(null);
    const { stage, boxes } = this.host;
    const from = [stage.selection, boxes.picked].find((region) => region && hasBand(region));
    if (!from) return this.host.tell("select a band first: hold Shift while dragging over the picture", "warning");
    this.setBand({ low_hz: from.low_hz, high_hz: from.high_hz });
    if ((this.sound.heardBand?.low_hz ?? 0) > HIGHEST_HEARD_HZ) this.host.tell("this band is too high to hear: shift the pitch and slow down", "warning");
    return undefined;
  }

  /** @param {HeardBand | null} band */
  setBand(band) {
    this.band = band;
    this.sound.setBand(band);
    this.draw();
  }

  // ---------------------------------------------------------------- controls

  listen() {
    const { v } = this;
    for (const name of SLIDERS) {
      v[name].input.addEventListener("input", () => this.setLook({ [name]: Number(v[name].input.value) }));
      v[name].input.addEventListener("dblclick", () => this.setLook({ [name]: 0 }));
    }
    v.speed.addEventListener("change", () => this.setLook({ speed: Number(v.speed.value) }));
    v.colormap.addEventListener("change", () => this.setLook({ colormap: v.colormap.value }));
    for (const one of [v.speed, v.colormap]) one.addEventListener("change", () => one.blur()); // gives the keys back
    v.autoplay.addEventListener("click", () => this.setLook({ autoplay: !this.look.autoplay }));
  }

  /** @param {Partial<Look>} change */
  setLook(change) {
    Object.assign(this.look, change);
    this.host.preferences.set("look", { ...this.look });
    this.apply(Object.keys(change));
  }

  /** @param {string[]} changed */
  apply(changed) {
    const { v, look, sound } = this;
    const { stage } = this.host;
    const any = (/** @type {string[]} */ ...names) => changed.some((name) => names.includes(name));
    for (const name of SLIDERS) v[name].input.value = String(look[name]);
    v.colormap.value = look.colormap;
    v.speed.value = String(look.speed);
    v.gain.value.textContent = `${look.gain > 0 ? "+" : ""}${look.gain} dB`.replace("-", "−");
    if (any("speed")) sound.setRate(look.speed);
    if (any("pitch")) sound.setPitch(look.pitch);
    if (any("gain")) sound.setGain(look.gain);
    if (any("normalise")) sound.setNormalise(look.normalise);
    sound.loop = look.loop;
    if (any("colormap", "floor", "ceiling")) stage.recolour();
    if (any("waveform")) stage.takeFreeHeight();
    if (any("heatmap", "compare", "waveform") && this.host.data) stage.drawAll();
    this.draw();
  }

  draw() {
    const { v, sound, look } = this;
    setIcon(/** @type {HTMLElement} */ (v.play.firstElementChild), sound.playing ? "pause" : "play");
    v.play.children[1].textContent = sound.playing ? "Pause" : "Play";
    v.play.disabled = v.stretch.disabled = !sound.element || this.failed;
    v.stretch.children[1].textContent = this.host.stage?.selection ? "Selection" : "Stretch";
    v.loop.setAttribute("aria-pressed", String(look.loop));
    v.pitch.setAttribute("aria-pressed", String(look.pitch === "shifted"));
    v.normalise.setAttribute("aria-pressed", String(look.normalise));
    v.band.setAttribute("aria-pressed", String(Boolean(this.band)));
    v.autoplay.setAttribute("aria-pressed", String(look.autoplay));
    v.root.dataset.playing = String(sound.playing);
  }

  close() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.asking);
    this.sound.close();
  }
}
