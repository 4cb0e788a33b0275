// The elements of the player, built once.

import { button, el, icon, select, slider } from "../shared/elements.js";
import { SPEEDS } from "./sound/sound.js";
import { buildStage } from "./picture/stage_view.js";

// Build everything once; returns the elements that change.
export function buildView() {
  const v = {};
  v.title = el("div", { class: "title", test: "player-title" });
  v.subtitle = el("div", { class: "subtitle", test: "player-subtitle" });
  v.here = el("div", { class: "here", test: "player-here", role: "status", hidden: true });
  v.notice = el("div", { class: "notice", test: "player-notice", role: "status", "aria-live": "polite" });
  v.saving = el("div", { class: "saving", test: "player-saving", text: "saving…", "aria-hidden": "true" });
  v.undo = button("player-undo", "Undo", "Z", "undo", "take back the last decision");
  v.previous = button("player-previous", "Previous", "K", "", "previous clip");
  v.next = button("player-next", "Next", "J", "", "next clip");
  v.progress = el("span", { class: "progress", test: "player-progress" });
  const head = el("header", { class: "head" }, el("div", { class: "names" }, v.title, v.subtitle, v.progress), v.here, v.notice,
    el("div", { class: "group more" }, v.undo, v.previous, v.next), v.saving);

  v.play = button("player-play", "Play", "Space", "play", "play or pause");
  v.stretch = button("player-stretch", "Stretch", "P", "stretch", "play the selected or suspected stretch");
  v.loop = button("player-loop", "Loop", "L", "loop", "repeat the stretch or the clip");
  v.speed = select("player-speed", "speed", SPEEDS.map((rate) => [String(rate), `${rate}×`]));
  v.speed.value = "1";
  v.pitch = button("player-pitch", "Pitch", "O", "", "shift the pitch with the speed: brings bats down to where we hear");
  v.band = button("player-band", "Band", "B", "", "hear only the selected band of frequencies");
  v.normalise = button("player-normalise", "Level", "Q", "", "bring the loudest moment to full level");
  v.channel = select("player-channel", "channel that is heard and seen, for everybody", []);
  v.channel.hidden = true;
  v.autoplay = button("player-autoplay", "Auto", "", "", "play each clip when it comes");
  v.time = el("span", { class: "time", test: "player-time", text: "0:00.0" });
  v.gain = slider("player-gain", "Gain", -12, 36, 1);
  const transport = el("div", { class: "transport", role: "toolbar", "aria-label": "listen" },
    el("div", { class: "group" }, v.play, v.stretch, v.loop, v.speed, v.pitch, v.band, v.normalise, v.channel, v.autoplay, v.time), v.gain.node);
  const { stage, ...staged } = buildStage();
  v.soundError = el("div", { class: "sound-error", test: "player-sound-error", role: "alert", hidden: true });

  v.question = el("div", { class: "question", test: "player-question", "aria-live": "polite" });
  v.present = button("player-present", "Present", "1", "present", "the class can be heard in this clip");
  v.absent = button("player-absent", "Absent", "2", "absent", "the class cannot be heard in this clip");
  v.unsure = button("player-unsure", "Unsure", "3", "unsure", "cannot be told; left out of training");
  for (const [name, node] of Object.entries({ present: v.present, absent: v.absent, unsure: v.unsure })) node.classList.add("verdict", name);
  v.rest = button("player-rest", "Rest is right", "4", "", "all other doubts here: the labels are right as they are");
  v.addButton = button("player-add", "Add class", "A", "plus", "add a class that is not listed");
  v.like = button("player-like", "More like this", "8", "", "look in Sweep for what sounds like the selection or the stretch");
  v.like.hidden = true;
  const onlyLook = el("span", { class: "only-look why", test: "player-only-look", text: "You look and listen here. To decide, ask an owner for the role reviewer." });
  const asked = el("div", { class: "asked" }, v.question, onlyLook, el("div", { class: "group verdicts" }, v.present, v.absent, v.unsure));
  const decide = el("div", { class: "decide" }, asked, el("div", { class: "group others" }, v.rest, v.addButton));

  v.sides = el("div", { class: "sides", test: "player-sides", role: "group", "aria-label": "what each says", hidden: true });

  v.addInput = el("input", { type: "text", test: "player-add-input", role: "combobox", "aria-expanded": "true",
    "aria-controls": "em-options", "aria-label": "class to add", autocomplete: "off", spellcheck: "false",
    placeholder: "code or name; Enter adds it as present" });
  v.options = el("ul", { class: "options", id: "em-options", role: "listbox", "aria-label": "classes" });
  v.newCode = el("input", { type: "text", test: "player-new-code", maxlength: 200, autocomplete: "off", spellcheck: "false" });
  v.newName = el("input", { type: "text", test: "player-new-name", maxlength: 200, autocomplete: "off", spellcheck: "false" });
  v.newProblem = el("p", { class: "problem", test: "player-new-problem", role: "alert", hidden: true });
  v.newAdd = el("button", { type: "button", test: "player-new-add", text: "Make it a class and add it" });
  v.newBack = el("button", { type: "button", test: "player-new-back", text: "Back" });
  v.newClass = el("div", { class: "new-class", test: "player-new-class", role: "group", "aria-label": "new class", hidden: true },
    el("p", { text: "A class that no label has yet. It is stored with the labels; the next training learns it." }),
    el("label", {}, el("span", { text: "Code" }), v.newCode), el("label", {}, el("span", { text: "Name to show" }), v.newName),
    v.newProblem, el("div", { class: "group" }, v.newAdd, v.newBack));
  v.add = el("div", { class: "add", test: "player-add-box", hidden: true }, v.addInput, v.options, v.newClass);

  v.silentText = el("span", { text: "No answer from the server; your last decision may not be saved." });
  v.retry = el("button", { type: "button", test: "player-retry", text: "Send it again" });
  v.silent = el("div", { class: "silent", test: "player-no-answer", role: "alert", hidden: true }, icon("warning"), v.silentText, v.retry);

  v.flag = button("player-flag", "Flag", "F", "flag", "for an expert: everybody sees it");
  v.noteButton = button("player-note", "Note", "E", "note", "write a note that everybody sees");
  v.later = button("player-later", "Later", "T", "", "to the end of this list");
  v.skip = button("player-skip", "Skip", "S", "", "not for me: out of my list");
  v.drawerButton = button("player-details", "Details", "\\", "", "notes, history and metadata of this clip");
  v.drawerButton.setAttribute("aria-expanded", "false");
  v.helpButton = button("player-help-button", "Keys", "?", "", "all keys, and how to change them");
  v.helpButton.setAttribute("aria-expanded", "false");
  for (const node of [v.undo, v.flag, v.noteButton, v.later, v.skip]) node.classList.add("for-reviewers");
  const aside = el("div", { class: "aside group", role: "toolbar", "aria-label": "this clip" },
    v.flag, v.noteButton, v.later, v.skip, v.like, v.drawerButton, v.helpButton);
  v.drawer = el("div", { class: "drawer", test: "player-drawer", hidden: true });
  v.help = el("div", { class: "help", test: "player-help", role: "region", "aria-label": "all keys", hidden: true });

  v.root = el("section", { class: "player", test: "player", tabindex: "-1", "aria-label": "clip player" },
    head, v.silent, transport, stage, v.soundError, v.sides, decide, v.add, aside, v.drawer, v.help);
  return { ...staged, ...v };
}
