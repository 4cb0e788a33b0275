// The sound: elements loaded ahead, stretches and loops, speed, gain behind a limiter.

const SPEEDS = [0.25, 0.5, 0.75, 1, 1.5, 2];
const LARGEST_BLOB_BYTES = 32 * 1024 * 1024;

// Audio elements by what they play. Those loaded ahead hold their bytes, so that the next clip plays at once.
class SoundStore {
  constructor(most) {
    this.most = most;
    this.entries = new Map();
  }

  take(url) {
    const thing = thingAt(url);
    let entry = this.entries.get(thing);
    if (entry && !entry.element.src && !entry.element.error) entry.element.src = url; // still on its way: stream it
    if (!entry || entry.element.error) {
      entry = { element: this.make(), blob: "" };
      entry.element.src = url;
    }
    this.keep(thing, entry);
    return entry.element;
  }

  async ahead(url) {
    const thing = thingAt(url);
    if (!url || this.entries.has(thing)) return;
    const entry = { element: this.make(), blob: "" };
    this.keep(thing, entry);
    try {
      const response = await fetch(url, { credentials: "same-origin" });
      const length = Number(response.headers.get("content-length") || 0);
      if (!response.ok || length > LARGEST_BLOB_BYTES) {
        response.body?.cancel();
        if (!response.ok) this.entries.delete(thing);
        else if (!entry.element.src) entry.element.src = url;
        return;
      }
      const bytes = await response.blob();
      if (entry.element.src || !this.entries.has(thing)) return;
      entry.blob = URL.createObjectURL(bytes);
      entry.element.src = entry.blob;
    } catch (error) {
      if (!entry.element.src) this.entries.delete(thing);
    }
  }

  make() {
    const element = new Audio();
    element.preload = "auto";
    return element;
  }

  keep(thing, entry) {
    this.entries.delete(thing);
    this.entries.set(thing, entry);
    while (this.entries.size > this.most) {
      const [oldest, gone] = this.entries.entries().next().value;
      this.entries.delete(oldest);
      gone.element.pause();
      gone.element.removeAttribute("src");
      gone.element.load();
      if (gone.blob) URL.revokeObjectURL(gone.blob);
    }
  }
}

// One clip's sound at a time. `tell` is called with (what): "state", "playable" or "error".
class Sound {
  constructor(store, tell) {
    this.store = store;
    this.tell = tell;
    this.element = null;
    this.range = null;
    this.loop = false;
    this.rate = 1;
    this.gainDb = 0;
    this.graph = null;
    this.sources = new WeakMap();
  }

  load(url) {
    this.unload();
    if (!url) return;
    const element = this.store.take(url);
    this.element = element;
    if (element.currentTime) element.currentTime = 0; // a needless seek would cost the next clip its head start
    element.playbackRate = this.rate;
    element.onplay = element.onpause = element.onended = element.onseeked = () => this.changed(element);
    element.oncanplay = () => element === this.element && this.tell("playable");
    element.onerror = () => element === this.element && this.tell("error");
    element.ontimeupdate = () => this.watch();
    if (element.error) this.tell("error");
    else if (element.readyState >= 3) this.tell("playable");
    this.route();
  }

  unload() {
    if (!this.element) return;
    const element = this.element;
    this.element = null;
    this.range = null;
    element.onplay = element.onpause = element.onended = element.onseeked = null;
    element.oncanplay = element.onerror = element.ontimeupdate = null;
    element.pause();
  }

  changed(element) {
    if (element !== this.element) return;
    this.watch();
    this.tell("state");
  }

  get playing() {
    return Boolean(this.element) && !this.element.paused && !this.element.ended;
  }

  get position() {
    return this.element ? this.element.currentTime : 0;
  }

  // Play a stretch {onset_s, offset_s} from its start, or from here to the end.
  play(range = null) {
    if (!this.element) return;
    this.range = range;
    if (range) this.element.currentTime = range.onset_s;
    this.resume();
  }

  // Go on from here, within the stretch that was playing if there is one.
  resume() {
    if (!this.element) return;
    this.graph?.context.resume();
    this.element.play().catch((error) => {
      if (error.name === "NotAllowedError") this.tell("blocked");
    });
  }

  pause() {
    this.element?.pause();
  }

  seek(timeS, durationS) {
    if (!this.element) return;
    const time = Math.min(Math.max(0, timeS), Math.max(0, durationS - 0.01));
    if (this.range && (time < this.range.onset_s || time >= this.range.offset_s)) this.range = null;
    this.element.currentTime = time;
    this.tell("state");
  }

  // Called for each frame while playing, and by timeupdate when the tab is hidden.
  watch() {
    const element = this.element;
    if (!element) return;
    if (this.range && element.currentTime >= this.range.offset_s && !element.paused) {
      if (this.loop) element.currentTime = this.range.onset_s;
      else {
        const end = this.range.offset_s;
        element.pause();
        element.currentTime = end;
        this.range = null;
      }
    } else if (element.ended && this.loop) this.play(this.range);
  }

  setRate(rate) {
    this.rate = rate;
    if (this.element) this.element.playbackRate = rate;
  }

  setGain(gainDb) {
    this.gainDb = gainDb;
    this.route();
  }

  // Sound goes straight out until gain is asked for; then through a gain and a limiter that guards the ears.
  route() {
    if (!this.element || (this.gainDb === 0 && !this.graph)) return;
    try {
      if (!this.graph) {
        const context = new AudioContext();
        const gain = context.createGain();
        const limiter = context.createDynamicsCompressor();
        limiter.threshold.value = -3;
        limiter.knee.value = 0;
        limiter.ratio.value = 20;
        limiter.attack.value = 0.001;
        limiter.release.value = 0.1;
        gain.connect(limiter).connect(context.destination);
        this.graph = { context, gain };
      }
      if (!this.sources.has(this.element)) {
        const source = this.graph.context.createMediaElementSource(this.element);
        source.connect(this.graph.gain);
        this.sources.set(this.element, source);
      }
      this.graph.gain.gain.value = 10 ** (this.gainDb / 20);
      this.graph.context.resume();
    } catch (error) {
      // no Web Audio here: the sound plays without gain
    }
  }

  async reason() {
    if (!this.element) return "";
    try {
      const source = this.element.src;
      if (source && !source.startsWith("blob:")) {
        const response = await fetch(source, { headers: { Range: "bytes=0-1" }, credentials: "same-origin" });
        if (!response.ok) return await reasonOf(response);
        response.body?.cancel();
      }
    } catch (error) {
      return "the server does not answer";
    }
    return "the browser cannot decode it";
  }

  close() {
    this.unload();
    this.graph?.context.close();
    this.graph = null;
  }
}
