// Which keys a press means, whatever the layout of the keyboard. `key` is what a press types, `code` the place of the
// key, named after what is printed there on an English keyboard.

/** @type {Record<string, string>} */
const SIGNS = {
  Backquote: "`~", Minus: "-_", Equal: "=+", BracketLeft: "[{", BracketRight: "]}", Backslash: "\\|", Semicolon: ";:",
  Quote: "'\"", Comma: ",<", Period: ".>", Slash: "/?",
};
const DIGITS = ")!@#$%^&*(";
const UNREAD = new Set(["Process", "Unidentified"]); // an input method took what was typed
const FIELDS = "textarea, select, [role=textbox], [role=searchbox], [role=spinbutton]";
const TYPED = new Set(["text", "search", "email", "number", "password", "tel", "url", "date", "time", "datetime-local", "month", "week"]);
const layout = { isForeign: false }; // whether the last letter that was typed is of another script than ours

// What an English keyboard has at a place; "" for the number pad and keys that type no sign.
/** @param {string} code @param {boolean} shift */
function printedAt(code, shift) {
  const [, letter, digit] = /^(?:Key([A-Z])|Digit(\d))$/.exec(code) ?? [];
  if (letter) return letter.toLowerCase();
  if (digit) return shift ? DIGITS[Number(digit)] : digit;
  return SIGNS[code]?.[shift ? 1 : 0] ?? "";
}

// Asked before any class of Unicode: those take milliseconds of a press to make ready.
/** @param {string} typed */
const isAscii = (typed) => [...typed].every((sign) => sign < "\x80");

/** @param {string} typed */
function isForeignSign(typed) {
  return !isAscii(typed) && /[\p{L}\p{M}\p{N}]/u.test(typed) && !/\p{Script=Latin}/u.test(typed);
}

// All keys that a press may mean, the likeliest first.
/** @param {KeyboardEvent} event */
export function keysOf(event) {
  const { key, code = "", shiftKey } = event;
  const unread = UNREAD.has(key);
  if (!unread && /^[A-Z][A-Za-z0-9]+$/.test(key) && key !== "Dead") return [key];
  const typed = unread || key === "Dead" ? "" : key.toLowerCase();
  const printed = printedAt(code, Boolean(shiftKey));
  if (!printed || isThirdLevel(event)) return typed ? [typed] : [key];
  const isLatin = isAscii(typed) ? /[a-z]/.test(typed) : /\p{Script=Latin}/u.test(typed);
  if (isLatin) layout.isForeign = false;
  else if (isForeignSign(typed)) layout.isForeign = true;
  // French, Czech and other keyboards type digits with Shift; brackets in that row are a programmer's, and meant
  if (/\d/.test(printed) && !/^[\d[\]]$/.test(typed)) return [printed, typed];
  if (isForeignSign(typed)) return [typed, printed]; // it may be a reviewer's own key
  // where letters are Hebrew or Greek, Q types "/" or ";": other signs lie elsewhere there, too
  if (unread || (layout.isForeign && !isLatin)) return [printed, typed];
  return typed ? [typed] : [key];
}

// The key under whose name a press is kept: one that every layout has, where there is one.
/** @param {KeyboardEvent} event */
export function keyOf(event) {
  const keys = keysOf(event);
  return keys.find((key) => !isForeignSign(key)) ?? keys[0];
}

// AltGr, by which many keyboards type [ and ]: it comes as Ctrl and Alt on Windows; a Mac's Option comes as Alt.
/** @param {KeyboardEvent} event */
function isThirdLevel(event) {
  const { key, code, ctrlKey, altKey, metaKey, shiftKey } = event;
  if (metaKey) return false;
  if (event.getModifierState?.("AltGraph")) return true;
  const held = altKey && (ctrlKey || /^(Mac|iP)/.test(navigator.platform));
  // a shortcut with Ctrl and Alt types what stands on the key
  return held && /^[^\p{L}\p{N}]$/u.test(key) && key !== printedAt(code, shiftKey);
}

// Whether Ctrl, Alt or Cmd make a press the browser's, or another program's.
/** @param {KeyboardEvent} event */
export function isShortcut(event) {
  return (event.ctrlKey || event.altKey || event.metaKey) && !isThirdLevel(event);
}

// Whether what is pressed in an element is text for it.
/** @param {EventTarget | null | undefined} target */
export function isField(target) {
  if (!(target instanceof Element)) return false;
  if (target instanceof HTMLInputElement) return TYPED.has(target.type);
  return (target instanceof HTMLElement && target.isContentEditable) || target.closest(FIELDS) !== null;
}
