// The player itself: what new data change, what a press does, and what goes to the server.

const pictures = new PictureStore(10);
const sounds = new SoundStore(8);
const players = new WeakMap();
const MARGIN_S = 0.3;

class Player {
  constructor(parent) {
    this.v = buildView();
    parent.append(this.v.root);
    this.pageHost = this.v.root.getRootNode().host || this.v.root;
    this.data = null;
    this.focus = "";
    this.look = rememberedLook();
    this.sound = new Sound(sounds, (what) => this.heard(what));
    this.stage = new Stage(this.v, this);
    this.adder = new Adder(this.v, (code, name) => this.add(code, name), (text) => this.tell(text, "warning"));
    this.messenger = new Messenger((what) => this.messaged(what));
    this.listen();
    this.applyLook(Object.keys(this.look));
  }

  // ---------------------------------------------------------------- data

  update(component) {
    const { data, setTriggerValue } = component;
    this.messenger.emit = (event) => setTriggerValue("event", event);
    if (!data) return;
    const { v, stage } = this;
    const before = this.data;
    const moved = !before || before.clip_id !== data.clip_id;
    this.data = data;
    const answered = this.messenger.answered(data);
    v.root.dataset.revision = data.revision;
    if (answered) v.root.dataset.answeredMs = answered.answeredMs.toFixed(1);
    this.dark = isDark(this.pageHost);
    v.root.dataset.theme = this.dark ? "dark" : "light";
    if (moved) this.arrive();
    else {
      if (answered?.region && data.notice_level !== "warning") stage.selection = null;
      if (thingAt(before.picture_url) !== thingAt(data.picture_url) || before.error !== data.error) stage.loadPicture(pictures);
      if (this.soundFailed && before.audio_url !== data.audio_url) this.loadSound();
    }
    if (moved || JSON.stringify(before.lanes) !== JSON.stringify(data.lanes)) stage.buildLanes();
    if (moved || data.revision !== before.revision) this.chooseFocus(moved, answered, before);
    else this.setFocus(this.focus);
    this.drawHead();
    stage.drawAll();
    this.prefetch();
  }

  arrive() {
    const { data, v, stage } = this;
    const wasPlaying = this.sound.playing;
    v.root.dataset.clipId = data.clip_id;
    this.adder.close();
    stage.arrive();
    this.loadSound();
    stage.loadPicture(pictures);
    if (data.autoplay || wasPlaying) this.sound.play();
  }

  loadSound() {
    this.soundFailed = false;
    this.v.soundError.hidden = true;
    delete this.v.root.dataset.playable;
    if (this.data.audio_url && !this.data.error) this.sound.load(this.data.audio_url);
    else this.sound.unload();
    this.drawTransport();
  }

  prefetch() {
    for (const next of this.data.prefetch) {
      if (next.picture_url) pictures.load(next.picture_url).catch(() => {});
      sounds.ahead(next.audio_url);
    }
    vocabularyOf(this.data).catch(() => {});
  }

  // ---------------------------------------------------------------- focus

  // On a new clip the first open suspect; after a verdict the next open one; after an undo what was undone.
  chooseFocus(moved, answered, before) {
    const { lanes, focus: wanted } = this.data;
    const place = (code) => lanes.findIndex((lane) => lane.class === code);
    const open = lanes.filter((lane) => lane.kind && !lane.verdict);
    const decided = answered && ["decide", "add"].includes(answered.action) ? place(answered.class) : -1;
    let focus = this.focus;
    if (wanted && place(wanted) >= 0 && (moved || decided < 0)) focus = wanted;
    else if (moved || place(focus) < 0) focus = (open[0] || lanes[0])?.class || "";
    else if (decided >= 0) {
      const after = lanes[decided].verdict && (open.find((lane) => lanes.indexOf(lane) > decided) || open[0]);
      focus = after ? after.class : answered.class;
    } else if (answered?.action === "undo") {
      const was = new Map(before.lanes.map((lane) => [lane.class, lane.verdict]));
      focus = lanes.find((lane) => was.has(lane.class) && was.get(lane.class) !== lane.verdict)?.class || focus;
    }
    this.setFocus(focus);
  }

  get lane() {
    return this.data?.lanes.find((lane) => lane.class === this.focus) || null;
  }

  setFocus(code) {
    this.focus = code;
    const { v, lane } = this;
    v.root.dataset.focus = code;
    v.question.replaceChildren(...questionOf(lane));
    const [keep, drop] = lane?.role ? ["keep the label", "remove the label"] : ["add the label", "leave it out"];
    v.present.title = `the class can be heard: ${keep}`;
    v.absent.title = `the class cannot be heard: ${drop}`;
    for (const name of ["present", "absent", "unsure"]) {
      v[name].disabled = !lane;
      v[name].setAttribute("aria-pressed", String(lane?.verdict === name));
    }
    this.stage.drawFocus(code);
    this.drawTransport();
  }

  moveFocus(step) {
    const { lanes } = this.data;
    const place = lanes.findIndex((lane) => lane.class === this.focus);
    const next = lanes[Math.min(lanes.length - 1, Math.max(0, place + step))];
    if (next) this.setFocus(next.class);
  }

  // ---------------------------------------------------------------- what a press does

  act(action, shift = false) {
    const { sound, data } = this;
    const far = shift ? 5 : 1;
    const actions = {
      toggle: () => (sound.playing ? sound.pause() : sound.resume()),
      stretch: () => this.playStretch(),
      loop: () => this.setLook({ loop: !this.look.loop }),
      back: () => this.seek(sound.position - far),
      forward: () => this.seek(sound.position + far),
      start: () => this.seek(0),
      slower: () => this.changeSpeed(-1),
      faster: () => this.changeSpeed(1),
      present: () => this.decide("present"),
      absent: () => this.decide("absent"),
      unsure: () => this.decide("unsure"),
      remove: () => this.remove(),
      add: () => (this.messenger.locked ? this.messaged("refused") : this.adder.open(data)),
      undo: () => this.send({ action: "undo" }, data.can_undo, "nothing to undo"),
      next: () => this.send({ action: "next" }, data.has_next, "this is the last clip"),
      previous: () => this.send({ action: "previous" }, data.has_previous, "this is the first clip"),
      up: () => this.moveFocus(-1),
      down: () => this.moveFocus(1),
      colormap: () => {
        const names = ["auto", ...Object.keys(COLORMAPS)];
        this.setLook({ colormap: names[(names.indexOf(this.look.colormap) + 1) % names.length] });
      },
      clear: () => (this.v.help.hidden ? this.stage.select(null) : this.toggleHelp()),
      help: () => this.toggleHelp(),
    };
    actions[action]?.();
  }

  seek(timeS) {
    this.sound.seek(timeS, this.data.duration_s);
  }

  // What is selected, else what makes the class in focus a suspect (with a margin), else from here on.
  playStretch() {
    const { selection } = this.stage;
    const stretch = selection || stretchOf(this.lane);
    if (!stretch) return this.sound.play();
    const margin = selection ? 0 : MARGIN_S;
    const onset_s = Math.max(0, stretch.onset_s - margin);
    const offset_s = Math.min(this.data.duration_s || Infinity, stretch.offset_s + margin);
    return this.sound.play({ onset_s, offset_s });
  }

  decide(verdict, lane = this.lane, action = "decide") {
    if (!lane) return this.tell("no class in focus; press A to add one", "warning");
    const { lanes, auto_next } = this.data;
    const left = lanes.some((one) => one.kind && !one.verdict && one.class !== lane.class);
    const advance = Boolean(auto_next && action === "decide" && lane.kind && !lane.verdict && !left);
    const region = this.stage.selection;
    return this.send({ action, class: lane.class, verdict, role: lane.role, kind: lane.kind, advance, region });
  }

  remove() {
    const { lane } = this;
    if (lane?.role) return this.decide("absent", lane);
    return this.tell(lane ? `${lane.name} is not listed; there is no label to remove` : "no class in focus", "warning");
  }

  add(code, name) {
    const lane = this.data.lanes.find((one) => one.class === code);
    if (!lane) return this.decide("present", { class: code, name, role: "", kind: "" }, "add");
    this.setFocus(code);
    return lane.role ? this.tell(`${name || code} is listed already`, "info") : this.decide("present", lane);
  }

  send(event, possible = true, why = "") {
    if (!possible) return this.tell(why, "warning");
    const { clip_id, seen_position, run_id } = this.data;
    return this.messenger.send({ clip_id, seen_position, run_id, ...event });
  }

  messaged(what) {
    const { v } = this;
    v.root.classList.remove("refused");
    if (what === "refused") {
      void v.root.offsetWidth; // starts the blink again
      v.root.classList.add("refused");
      return;
    }
    v.root.dataset.locked = String(what !== "open");
    v.silent.hidden = what !== "silent";
  }

  // ---------------------------------------------------------------- sound

  heard(what) {
    if (!this.data) return;
    if (what === "playable") this.v.root.dataset.playable = this.data.clip_id;
    else if (what === "error") this.soundBroke();
    else if (what === "blocked") this.tell("the browser waits for a press before it plays: press Space", "warning");
    this.drawTransport();
    this.stage.drawCursor();
    if (this.sound.playing && !this.frame) this.animate();
  }

  async soundBroke() {
    const { clip_id } = this.data;
    this.soundFailed = true;
    const reason = await this.sound.reason();
    if (this.data.clip_id !== clip_id || !this.soundFailed) return;
    this.v.soundError.textContent = `This file cannot be played: ${reason}`;
    this.v.soundError.hidden = false;
  }

  animate() {
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.sound.watch();
      this.stage.drawCursor();
      if (this.sound.playing) this.animate();
    });
  }

  changeSpeed(step) {
    const speed = SPEEDS[SPEEDS.indexOf(this.look.speed) + step];
    if (speed) this.setLook({ speed });
  }

  // ---------------------------------------------------------------- controls

  listen() {
    const { v } = this;
    const pressed = {
      play: "toggle", stretch: "stretch", loop: "loop", present: "present", absent: "absent", unsure: "unsure",
      undo: "undo", next: "next", previous: "previous", addButton: "add", helpButton: "help",
    };
    for (const [name, action] of Object.entries(pressed)) v[name].addEventListener("click", () => this.data && this.act(action));
    v.retry.addEventListener("click", () => {
      v.silent.hidden = true;
      this.messenger.retry();
    });
    for (const name of ["floor", "ceiling", "gain"]) {
      v[name].input.addEventListener("input", () => this.setLook({ [name]: Number(v[name].input.value) }));
      v[name].input.addEventListener("dblclick", () => this.setLook({ [name]: 0 }));
    }
    v.speed.addEventListener("change", () => this.setLook({ speed: Number(v.speed.value) }));
    v.colormap.addEventListener("change", () => this.setLook({ colormap: v.colormap.value }));
    for (const one of [v.speed, v.colormap]) one.addEventListener("change", () => one.blur()); // gives the keys back
    this.onKey = (event) => {
      if (!this.data) return;
      const action = actionOf(event, this.pageHost);
      if (!action || (action === "clear" && !this.stage.selection && v.help.hidden)) return;
      event.preventDefault();
      event.stopPropagation();
      if (action !== "held") this.act(action, event.shiftKey);
    };
    document.addEventListener("keydown", this.onKey, true);
  }

  setLook(change) {
    Object.assign(this.look, change);
    rememberLook(this.look);
    this.applyLook(Object.keys(change));
  }

  applyLook(changed) {
    const { v, look, sound } = this;
    for (const name of ["floor", "ceiling", "gain"]) v[name].input.value = look[name];
    v.colormap.value = look.colormap;
    v.speed.value = String(look.speed);
    v.gain.value.textContent = `${look.gain > 0 ? "+" : ""}${look.gain} dB`.replace("-", "−");
    if (changed.includes("speed")) sound.setRate(look.speed);
    if (changed.includes("gain")) sound.setGain(look.gain);
    sound.loop = look.loop;
    if (changed.some((name) => ["colormap", "floor", "ceiling"].includes(name))) this.stage.recolour();
    this.drawTransport();
  }

  tell(text, level) {
    this.v.notice.textContent = text;
    this.v.notice.dataset.level = level;
  }

  drawHead() {
    const { v, data } = this;
    v.title.textContent = v.title.title = data.title;
    v.subtitle.textContent = data.subtitle;
    this.tell(data.notice, data.notice_level);
    v.undo.disabled = !data.can_undo;
    v.next.disabled = !data.has_next;
    v.previous.disabled = !data.has_previous;
  }

  drawTransport() {
    const { v, sound, look } = this;
    setIcon(v.play.firstChild, sound.playing ? "pause" : "play");
    v.play.children[1].textContent = sound.playing ? "Pause" : "Play";
    v.play.disabled = v.stretch.disabled = !sound.element || Boolean(this.soundFailed);
    v.stretch.children[1].textContent = this.stage?.selection ? "Selection" : "Stretch";
    v.loop.setAttribute("aria-pressed", String(look.loop));
    v.root.dataset.playing = String(sound.playing);
  }

  selected() {
    this.drawTransport();
  }

  toggleHelp() {
    const { v } = this;
    v.help.hidden = !v.help.hidden;
    v.helpButton.setAttribute("aria-expanded", String(!v.help.hidden));
  }

  close() {
    document.removeEventListener("keydown", this.onKey, true);
    cancelAnimationFrame(this.frame);
    this.stage.close();
    this.sound.close();
    this.messenger.close();
    this.v.root.remove();
  }
}

// What is asked about a class, in words.
function questionOf(lane) {
  if (!lane) return [el("span", { class: "why", text: "No class in focus." })];
  const number = lane.clipwise === null ? "" : ` (${lane.clipwise.toFixed(2)})`;
  const stretch = stretchOf(lane);
  const where = stretch ? `, ${stretch.onset_s.toFixed(1)}–${stretch.offset_s.toFixed(1)} s` : "";
  const why = {
    missing: `not listed, but the model hears it${number}${where}`,
    false: `listed as ${lane.role || "a label"}, but the model does not hear it${number}`,
    swapped: lane.role && lane.verdict !== "present"
      ? `listed, but the model hears ${lane.partner || "another class"} in its place`
      : `the model hears it${number}${where} in place of ${lane.partner || "another class"}`,
  }[lane.kind] || (lane.role ? `listed as ${lane.role}${number}` : `not listed${number}`);
  const parts = [el("strong", { text: lane.name }), el("span", { class: "why", text: why })];
  if (lane.p_wrong !== null && lane.kind) parts.push(el("span", { class: "why", text: `· label wrong: ${Math.round(lane.p_wrong * 100)} %` }));
  if (lane.verdict) parts.push(chip(lane.verdict, lane.reviewer ? `${lane.verdict}, ${lane.reviewer}` : lane.verdict));
  return parts;
}

export default function mount(component) {
  const { parentElement } = component;
  let player = players.get(parentElement);
  if (!player) {
    player = new Player(parentElement);
    players.set(parentElement, player);
  }
  player.update(component);
  return () => {
    players.get(parentElement)?.close();
    players.delete(parentElement);
  };
}
