// The stage: picture, axes, lanes, cursor and marks on one time axis, and the pointer over them.

const LOOKS = "earmark-player";

function round3(value) {
  return Math.round(value * 1000) / 1000;
}

// `host` is what the stage belongs to: it has data, lane (in focus), sound, look, and seek(), selected(), setFocus().
class Stage {
  constructor(v, host) {
    this.v = v;
    this.host = host;
    this.view = { from_s: 0, to_s: 1 };
    this.lanes = [];
    this.picture = null;
    this.coloured = document.createElement("canvas");
    this.selection = null;
    this.listenTime(v.plot);
    this.resized = new ResizeObserver(() => this.drawAll());
    this.resized.observe(v.plot);
  }

  get data() {
    return this.host.data;
  }

  // A new clip: the whole of it in view, nothing selected.
  arrive() {
    this.selection = null;
    this.view = { from_s: 0, to_s: this.data.duration_s || 1 };
  }

  async loadPicture(pictures) {
    const { v, data } = this;
    const wanted = data.picture_url;
    const done = () => {
      v.root.dataset.shown = data.clip_id;
      v.drawing.hidden = true;
    };
    const current = () => this.data.clip_id === data.clip_id && thingAt(this.data.picture_url) === thingAt(wanted);
    delete v.root.dataset.shown;
    this.picture = null; // never the last clip's picture under this clip's name
    this.fail(data.error);
    this.drawAxis();
    if (data.error || !wanted) return done();
    v.drawing.hidden = false;
    try {
      const picture = await pictures.load(wanted);
      if (!current()) return undefined;
      this.picture = picture;
      this.colour();
    } catch (error) {
      if (!current()) return undefined;
      this.fail(`No picture: ${error.message}`);
    }
    this.drawPicture();
    return done();
  }

  fail(text) {
    this.v.error.textContent = text || "";
    this.v.error.hidden = !text;
  }

  // ---------------------------------------------------------------- colour

  get colormap() {
    const { look, dark } = this.host;
    return look.colormap === "auto" ? (dark ? "magma" : "paper") : look.colormap;
  }

  colour() {
    const { v, picture } = this;
    if (!picture) return;
    const contrast = contrastOf(picture, this.host.look);
    colourPicture(picture, this.colormap, contrast, this.coloured);
    this.colouredAs = this.colormap;
    const text = (value) => levelText(value, picture.facts);
    v.scaleTop.textContent = v.ceiling.value.textContent = text(contrast.ceiling);
    v.scaleBottom.textContent = v.floor.value.textContent = text(contrast.floor);
  }

  recolour() {
    this.colour();
    this.drawPicture();
  }

  // ---------------------------------------------------------------- drawing

  percent(timeS) {
    return ((timeS - this.view.from_s) / (this.view.to_s - this.view.from_s)) * 100;
  }

  drawAll() {
    if (!this.data) return;
    if (this.picture && this.colouredAs !== this.colormap) this.colour();
    this.drawPicture();
    this.drawTicks();
    this.drawLanes();
    this.drawMarks();
    this.drawCursor();
  }

  drawPicture() {
    const { v, data } = this;
    if (!data) return;
    if (this.picture) drawPicture(v.canvas, this.coloured, this.view, data.duration_s);
    else {
      const { context, width, height } = fitCanvas(v.canvas);
      context.clearRect(0, 0, width, height);
    }
    const { context, width, height } = fitCanvas(v.scaleBar);
    for (let y = 0; y < height; y += 1) {
      const [r, g, b] = colourAt(COLORMAPS[this.colormap], 1 - y / height);
      context.fillStyle = `rgb(${r} ${g} ${b})`;
      context.fillRect(0, y, width, 1);
    }
    v.canvas.setAttribute("aria-label", `spectrogram of ${data.title}, ${data.duration_s.toFixed(1)} seconds`);
  }

  drawAxis() {
    const marks = (this.data.axis?.ticks || []).map(({ hz, at }) => {
      const tick = el("span", { class: "tick", text: String(Math.round(hz) / 1000) });
      tick.style.bottom = `${at * 100}%`;
      return tick;
    });
    this.v.axis.replaceChildren(...marks);
  }

  drawTicks() {
    const { v, view } = this;
    const span = view.to_s - view.from_s;
    const step = roundStep(span / Math.max(2, (v.ticks.clientWidth || 600) / 70));
    const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
    const marks = [];
    for (let count = Math.ceil(view.from_s / step); count * step <= view.to_s + 1e-9; count += 1) {
      const time = count * step;
      const tick = el("span", { class: "tick", text: span >= 120 ? clock(time).replace(/\.\d$/, "") : time.toFixed(digits) });
      tick.style.left = `${this.percent(time)}%`;
      marks.push(tick);
    }
    v.ticks.replaceChildren(...marks);
  }

  buildLanes() {
    this.lanes = this.data.lanes.map(buildLane);
    for (const { node, lane, strip } of this.lanes) {
      node.addEventListener("pointerdown", () => this.host.setFocus(lane.class));
      this.listenTime(strip);
    }
    this.v.lanes.replaceChildren(...this.lanes.map(({ node }) => node));
  }

  drawLanes() {
    const { data } = this;
    const style = getComputedStyle(this.v.root);
    const grid = style.getPropertyValue("--line").trim();
    for (const { canvas, lane, mark } of this.lanes) {
      const bar = style.getPropertyValue(`--${lane.kind || (lane.role ? "listed" : "other")}`).trim();
      drawLane(canvas, lane.values, data.steps, this.view, { bar, grid }, data.duration_s);
      this.place(mark, stretchOf(lane));
    }
  }

  drawFocus(code) {
    for (const { node, lane } of this.lanes) {
      node.dataset.focus = String(lane.class === code);
      node.setAttribute("aria-selected", String(lane.class === code));
    }
    this.drawMarks();
  }

  place(node, range) {
    node.hidden = !range;
    if (!range) return;
    const left = Math.max(0, this.percent(range.onset_s));
    const right = Math.min(100, this.percent(range.offset_s));
    node.style.left = `${left}%`;
    node.style.width = `${Math.max(0.1, right - left)}%`;
  }

  drawMarks() {
    const { v, selection } = this;
    const { lane } = this.host;
    this.place(v.suspectMark, stretchOf(lane));
    v.suspectMark.dataset.kind = lane?.kind || "";
    this.place(v.selection, selection);
    if (!selection) return;
    const { onset_s, offset_s } = selection;
    v.selection.firstChild.textContent = `${onset_s.toFixed(2)}–${offset_s.toFixed(2)} s (${(offset_s - onset_s).toFixed(2)} s)`;
    Object.assign(v.selection.dataset, { onset: onset_s, offset: offset_s });
  }

  drawCursor() {
    const { v, data } = this;
    const { sound } = this.host;
    if (!data) return;
    const at = this.percent(sound.position);
    v.cursor.style.left = `${Math.min(100, Math.max(0, at))}%`;
    v.cursor.hidden = at < 0 || at > 100 || !sound.element;
    v.cursor.dataset.time = sound.position.toFixed(3);
    v.time.textContent = `${clock(sound.position)} / ${clock(data.duration_s)}`;
  }

  // ---------------------------------------------------------------- pointer

  select(range) {
    this.selection = range && range.offset_s - range.onset_s >= 0.02 ? range : null;
    this.drawMarks();
    this.host.selected();
  }

  // Click seeks, drag selects a stretch; the same on the picture and on every lane.
  listenTime(area) {
    const { v } = this;
    const timeOf = (event) => {
      const box = area.getBoundingClientRect();
      const fraction = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      return this.view.from_s + fraction * (this.view.to_s - this.view.from_s);
    };
    let start = null;
    area.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.data || this.data.error) return;
      start = { x: event.clientX, time_s: timeOf(event), clip_id: this.data.clip_id, dragged: false };
      area.setPointerCapture(event.pointerId);
    });
    area.addEventListener("pointermove", (event) => {
      this.point(event, area, timeOf(event));
      if (start && start.clip_id !== this.data.clip_id) start = null;
      if (!start) return;
      if (Math.abs(event.clientX - start.x) > 4) start.dragged = true;
      if (!start.dragged) return;
      const [onset_s, offset_s] = [start.time_s, timeOf(event)].sort((a, b) => a - b);
      this.select({ onset_s: round3(onset_s), offset_s: round3(offset_s) });
    });
    area.addEventListener("pointerup", (event) => {
      if (start && !start.dragged) this.host.seek(timeOf(event));
      start = null;
    });
    area.addEventListener("pointercancel", () => { start = null; });
    area.addEventListener("pointerleave", () => {
      v.pointer.hidden = true;
      v.readout.textContent = "";
    });
  }

  // What lies under the pointer: time; frequency and level, or class and probability.
  point(event, area, timeS) {
    const { v, data, picture } = this;
    if (!data) return;
    const parts = [`${timeS.toFixed(2)} s`];
    const lane = this.lanes.find(({ strip }) => strip === area)?.lane;
    if (lane) {
      const value = valueAt(lane.values, data.steps, timeS);
      parts.push(lane.name, value === null ? "no frame here" : value.toFixed(2));
    } else if (data.axis) {
      const box = area.getBoundingClientRect();
      const down = Math.min(0.9999, Math.max(0, (event.clientY - box.top) / box.height));
      parts.push(hertz(frequencyAt(data.axis, 1 - down)));
      if (picture) {
        const column = Math.min(picture.width - 1, Math.floor((timeS / data.duration_s) * picture.width));
        const level = picture.levels[Math.floor(down * picture.height) * picture.width + column];
        const { low_db: low, high_db: high } = picture.facts;
        parts.push(levelText(low + (level / 255) * (high - low), picture.facts));
      }
    }
    v.readout.textContent = parts.join("  ·  ");
    v.pointer.hidden = false;
    v.pointer.style.left = `${this.percent(timeS)}%`;
  }

  close() {
    this.resized.disconnect();
  }
}

// The stretch that makes a lane a suspect, or null.
function stretchOf(lane) {
  if (!lane?.kind || lane.onset_s === null || lane.offset_s === null) return null;
  return { onset_s: lane.onset_s, offset_s: lane.offset_s };
}

// How the reader likes to see and hear, kept in the browser.
function rememberedLook() {
  const look = { colormap: "auto", floor: 0, ceiling: 0, gain: 0, speed: 1, loop: false };
  try {
    const kept = JSON.parse(localStorage.getItem(LOOKS) || "{}");
    const within = (value, least, most) => Number.isFinite(value) && value >= least && value <= most;
    if (kept.colormap in COLORMAPS) look.colormap = kept.colormap;
    if (within(kept.floor, -40, 40)) look.floor = kept.floor;
    if (within(kept.ceiling, -40, 40)) look.ceiling = kept.ceiling;
    if (within(kept.gain, -12, 36)) look.gain = kept.gain;
    if (SPEEDS.includes(kept.speed)) look.speed = kept.speed;
    if (typeof kept.loop === "boolean") look.loop = kept.loop;
  } catch (error) {
    // private window, or not ours: start from the defaults
  }
  return look;
}

function rememberLook(look) {
  try {
    localStorage.setItem(LOOKS, JSON.stringify(look));
  } catch (error) {
    // private window: not remembered
  }
}

function isDark(host) {
  const colour = getComputedStyle(host).getPropertyValue("--st-background-color").trim() || "#fff";
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}
