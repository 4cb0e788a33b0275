// The keyboard map, and the one event at a time that goes to the server.
// R and C are Streamlit's own.

const KEYMAP = [
  { action: "toggle", keys: [" "], shown: ["Space"], text: "play, pause", group: "Listen" },
  { action: "stretch", keys: ["p", "Enter"], shown: ["P", "Enter"], text: "play the stretch", group: "Listen" },
  { action: "loop", keys: ["l"], shown: ["L"], text: "loop", group: "Listen" },
  { action: "back", keys: ["ArrowLeft"], shown: ["←"], text: "1 s back (Shift: 5 s)", group: "Listen" },
  { action: "forward", keys: ["ArrowRight"], shown: ["→"], text: "1 s on (Shift: 5 s)", group: "Listen" },
  { action: "start", keys: ["Home"], shown: ["Home"], text: "to the start", group: "Listen" },
  { action: "slower", keys: ["["], shown: ["["], text: "slower", group: "Listen" },
  { action: "faster", keys: ["]"], shown: ["]"], text: "faster", group: "Listen" },
  { action: "present", keys: ["1", "y"], shown: ["1", "Y"], text: "present", group: "Decide" },
  { action: "absent", keys: ["2", "n"], shown: ["2", "N"], text: "absent", group: "Decide" },
  { action: "unsure", keys: ["3", "u"], shown: ["3", "U"], text: "unsure", group: "Decide" },
  { action: "remove", keys: ["x"], shown: ["X"], text: "remove the label in focus", group: "Decide" },
  { action: "add", keys: ["a", "/"], shown: ["A", "/"], text: "add a class", group: "Decide" },
  { action: "undo", keys: ["z"], shown: ["Z"], text: "undo", group: "Decide" },
  { action: "up", keys: ["ArrowUp"], shown: ["↑"], text: "class above", group: "Move" },
  { action: "down", keys: ["ArrowDown"], shown: ["↓"], text: "class below", group: "Move" },
  { action: "next", keys: ["j"], shown: ["J"], text: "next clip", group: "Move" },
  { action: "previous", keys: ["k"], shown: ["K"], text: "previous clip", group: "Move" },
  { action: "colormap", keys: ["m"], shown: ["M"], text: "next colormap", group: "See" },
  { action: "clear", keys: ["Escape"], shown: ["Esc"], text: "clear the selection", group: "See" },
  { action: "help", keys: ["?"], shown: ["?"], text: "all keys", group: "See" },
];
const ONCE_A_PRESS = new Set(["present", "absent", "unsure", "remove", "add", "undo", "next", "previous", "loop", "help", "toggle", "stretch", "colormap"]);
const ACTION_OF = new Map(KEYMAP.flatMap(({ action, keys }) => keys.map((key) => [key, action])));

const TYPED = new Set(["text", "search", "email", "number", "password", "tel", "url", "date", "time", "datetime-local", "month", "week"]);
const PRESSED = "button, a[href], summary, [role=button], [role=tab], [role=option], [role=menuitem], [role=checkbox], [role=radio], [role=switch], input[type=checkbox], input[type=radio]";

// `host` is the player's element in the page itself, outside its shadow root.
// The action of a key press, or "" where the key belongs to something else on the page.
function actionOf(event, host) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return "";
  const target = event.composedPath()[0];
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const action = ACTION_OF.get(key) || "";
  if (!action) return "";
  if (target instanceof Element) {
    const tag = target.tagName;
    if (tag === "TEXTAREA" || tag === "SELECT" || target.isContentEditable) return "";
    if (tag === "INPUT" && TYPED.has(target.type)) return "";
    if ((key === " " || key === "Enter") && target.closest(PRESSED)) return "";
    if (key.startsWith("Arrow") && (target.type === "range" || target.closest("[role=slider], [role=tab], [role=radio], [role=listbox]"))) return "";
    if (target.closest("[role=grid], [role=combobox]")) return "";
  }
  for (const dialog of document.querySelectorAll("[role=dialog]")) {
    if (!dialog.contains(host) && dialog.getClientRects().length) return "";
  }
  if (!host.getClientRects().length) return "";
  if (event.repeat && ONCE_A_PRESS.has(action)) return "held"; // the key is ours, but holding it down is one press
  return action;
}

function newEventId() {
  if (globalThis.crypto?.randomUUID) return crypto.randomUUID(); // only in secure contexts
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Sends one event and stays locked until data arrive that answer it. Nothing is queued: a press during the lock is
// refused, and seen to be. `changed` is called with "locked", "open", "refused" or "silent" (no answer).
class Messenger {
  constructor(changed, patienceMs = 8000) {
    this.changed = changed;
    this.patienceMs = patienceMs;
    this.waiting = null;
    this.timer = 0;
    this.emit = () => {};
  }

  get locked() {
    return this.waiting !== null;
  }

  send(event) {
    if (this.locked) {
      this.changed("refused");
      return false;
    }
    this.waiting = { event: { event_id: newEventId(), ...event }, sentAt: performance.now() };
    this.changed("locked");
    this.deliver();
    return true;
  }

  // Again, with the same event_id: the server stores it once.
  retry() {
    if (this.locked) this.deliver();
  }

  deliver() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.changed("silent"), this.patienceMs);
    this.emit(this.waiting.event);
  }

  // Data has arrived; returns the event that it answers, if any.
  answered(data) {
    if (!this.locked) return null;
    const { event, sentAt } = this.waiting;
    if (data.answered !== event.event_id) return null;
    clearTimeout(this.timer);
    this.waiting = null;
    this.changed("open");
    return { ...event, answeredMs: performance.now() - sentAt };
  }

  close() {
    clearTimeout(this.timer);
  }
}
