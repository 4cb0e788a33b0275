// The form of a class that no label has yet: its code and its name to show.

import { wordsOf } from "../../shared/answers.js";

/** @import { View } from "../types" */

export class NewClass {
  /**
   * @param {View} v
   * @param {(code: string, name: string) => Promise<void>} make raises where the class is refused
   * @param {() => void} back
   */
  constructor(v, make, back) {
    this.v = v;
    this.make = make;
    this.back = back;
    this.isSending = false;
    for (const input of [v.newCode, v.newName]) input.addEventListener("keydown", (event) => this.key(event));
    for (const button of [v.newAdd, v.newBack]) button.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays
    v.newAdd.addEventListener("click", () => this.send());
    v.newBack.addEventListener("click", () => back());
  }

  /** @param {string} typed */
  open(typed) {
    const { v } = this;
    v.newClass.hidden = false;
    v.newCode.value = typed;
    v.newName.value = "";
    v.newName.placeholder = typed;
    this.say("");
    v.newName.focus();
    v.addInput.hidden = v.options.hidden = true; // after the focus left it: a field that is hidden in focus loses it
    v.add.scrollIntoView({ block: "nearest" });
  }

  close() {
    const { v } = this;
    v.newClass.hidden = true;
    v.addInput.hidden = v.options.hidden = false;
  }

  /** @param {string} text */
  say(text) {
    this.v.newProblem.textContent = text;
    this.v.newProblem.hidden = !text;
  }

  async send() {
    const { v } = this;
    if (this.isSending) return;
    this.isSending = true;
    try {
      await this.make(v.newCode.value.trim(), v.newName.value.trim());
    } catch (problem) {
      this.say(wordsOf(problem));
    } finally {
      this.isSending = false;
    }
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    event.stopPropagation();
    if (event.isComposing || event.repeat) return;
    if (event.key === "Escape") this.back();
    else if (event.key === "Enter") this.send();
    else return;
    event.preventDefault();
  }
}
