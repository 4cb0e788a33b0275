// Written by `make format` from pages/ui/shared/shapes.py and the dataclasses named below; a test compares.

export interface Steps {
  start_s: number;
  step_s: number;
}

export interface Box {
  position: number;
  reviewer: string;
  onset_s: number;
  offset_s: number;
  low_hz: number | null;
  high_hz: number | null;
}

export interface Spread {
  low: number[];
  high: number[];
}

export interface Lane {
  class: string;
  name: string;
  role: string;
  kind: string;
  verdict: string;
  machine: string;
  reviewer: string;
  clipwise: number | null;
  values: number[];
  onset_s: number | null;
  offset_s: number | null;
  p_wrong: number | null;
  partner: string;
  support: string;
  is_new: boolean;
  threshold: number | null;
  events: Box[];
  quiet: Box[];
  compare: number[] | null;
  spread: Spread | null;
}

export interface Entry {
  position: number;
  created_at: string;
  class: string;
  name: string;
  standing: boolean;
  reviewer: string;
  text: string;
  shown: string;
  can_undo: boolean;
}

export interface Mark {
  id: number;
  kind: string;
  text: string;
  reviewer: string;
  created_at: string;
}

export interface Clip {
  clip_id: number;
  mode: string;
  title: string;
  duration_s: number;
  sample_rate: number;
  channel: number;
  channels: string[];
  error: string;
  audio_url: string;
  tile_url: string;
  peaks_url: string;
  classes_url: string;
  look: string;
  seen_position: number | null;
  run_id: string;
  can_undo: boolean;
  steps: Steps;
  compare_run: string;
  compare_steps: Steps | null;
  lanes: Lane[];
  candidates: ([string, number | null, string])[];
  history: Entry[];
  marks: Mark[];
  metadata: Record<string, string>;
}

export interface WithClip {
  clip?: Clip;
}

export interface Decided {
  clip?: Clip;
  notice: string;
  positions: number[];
  boxes_left?: number;
}

export interface NewClass {
  notice: string;
  class: string;
  name: string;
}

export interface Undone {
  notice: string;
  clip_id: number;
  class: string;
  mode: string;
  clip?: Clip;
}

export interface NothingUndone {
  notice: string;
  clip_id: null;
}

export interface Marked {
  notice: string;
  marks?: Mark[];
}

export interface ChannelKept {
  clip?: Clip;
  notice: string;
}

export interface Progress {
  text: string;
  title: string;
}

export interface Snippet {
  clip_id: number;
  title: string;
  kind: string;
  role: string;
  verdict: string;
  p_wrong: number;
  clipwise: number;
  framewise: number;
  onset_s: number;
  offset_s: number;
  from_s: number;
  to_s: number;
  audio_url: string;
  tile_url: string;
}

export interface Snippets {
  position: number;
  more: boolean;
  snippets: Snippet[];
}

export interface Verdicts {
  position: number;
  verdicts: Record<string, string>;
}

export interface Visit {
  visit: string;
  items: (number | (number | string)[])[];
  at: number;
  token: string;
  view: Record<string, string>;
  link: Record<string, string>;
  preferences: Record<string, any>;
  follow: boolean;
  renewed: string;
  alone: boolean;
  partial: boolean;
  clip?: Clip;
}

export interface Places {
  items: (number | (number | string)[])[];
  at: number;
}

export interface Light {
  visit: Visit;
  list: string;
}

export interface Wall {
  query: Record<string, string>;
  class_name: string;
  token: string;
  empty: string;
}

/** labeling.records.Region */
export interface Region {
  onset_s: number;
  offset_s: number;
  low_hz?: number | null;
  high_hz?: number | null;
}

/** pages.ui.player.events.PlayerEvent */
export interface PlayerEvent {
  event_id: string;
  clip_id: number;
  class: string;
  verdict: string;
  role?: string;
  kind?: string;
  region?: Region | null;
  replaces?: number | null;
  seen_position?: number | null;
  note?: string;
  mode?: string;
}

/** pages.ui.player.component.PageEvent */
export interface PageEvent {
  action: "finished" | "moved" | "refresh";
  clip_id: number;
  mode?: string;
}

/** labeling.sound.spectrogram.SpectrogramSettings */
export interface SpectrogramSettings {
  n_fft?: number | null;
  hop_length?: number | null;
  window?: string;
  low_hz?: number;
  high_hz?: number;
  axis?: "mel" | "log" | "linear";
  scale?: "db" | "pcen";
  height_px?: number;
  denoise?: boolean;
}

export interface TileFacts {
  columns: number;
  onset_s: number;
  step_s: number;
  rows: number;
  low_db: number;
  high_db: number;
  floor_db: number;
  ceiling_db: number;
  bottom_hz: number;
  top_hz: number;
  axis: "mel" | "log" | "linear";
  scale: "db" | "pcen";
}

export interface PeakFacts {
  columns: number;
  onset_s: number;
  step_s: number;
}
