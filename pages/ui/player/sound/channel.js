// Which channel of a clip is heard and seen: its mix, or one of them. The choice is kept with the clip, for everybody.

import { wordsOf } from "../../shared/answers.js";
import { el } from "../../shared/elements.js";

/**
 * @import { ChannelKept } from "../../shared/server"
 * @import { ChannelHost, View } from "../types"
 */

export class ChannelChoice {
  /** @param {View} v @param {ChannelHost} host */
  constructor(v, host) {
    this.v = v;
    this.host = host;
    v.channel.addEventListener("change", () => {
      this.choose(Number(v.channel.value));
      v.channel.blur(); // gives the keys back
    });
  }

  draw() {
    const { channels, channel } = this.host.data;
    const { v } = this;
    v.channel.hidden = !channels.length;
    v.channel.disabled = !this.host.page.may_decide; // it is everybody's
    v.channel.replaceChildren(...channels.map((text, number) => el("option", { value: String(number), text })));
    v.channel.value = String(channel);
  }

  /** @param {number} channel */
  async choose(channel) {
    const { host } = this;
    const { item } = host.flow;
    const { clip_id } = host.data;
    if (!item) return;
    try {
      /** @type {ChannelKept} */
      const { notice, clip } = await host.api.ask("/api/channel", { clip_id, channel, view: host.flow.viewOf(item) });
      host.flow.forget(clip_id); // also as it was fetched for another question
      if (clip) host.flow.keep(item, clip);
      if (host.data.clip_id !== clip_id) return;
      if (clip) host.show(clip);
      else host.open(host.flow.at); // it could not be read, and is asked for anew
      host.tell(notice, "info");
    } catch (problem) {
      if (host.data.clip_id !== clip_id) return;
      this.draw();
      host.tell(`the channel could not be kept: ${wordsOf(problem)}`, "warning");
    }
  }
}
