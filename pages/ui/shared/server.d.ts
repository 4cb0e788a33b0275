// Written by `make format` from two files called shapes.py and the dataclasses named below; a test compares.

export interface Steps {
  start_s: number;
  step_s: number;
  count: number;
  level: number;
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
  low: string;
  high: string;
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
  values: string;
  onset_s: number | null;
  offset_s: number | null;
  p_wrong: number | null;
  partner: string;
  support: string;
  is_new: boolean;
  threshold: number | null;
  events: Box[];
  quiet: Box[];
  compare: string | null;
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

export interface Side {
  reviewer: string;
  verdict: string;
  created_at: string;
  notes: string[];
  boxes: Box[];
  had_seen: boolean;
  is_adjudication: boolean;
}

export interface Mark {
  id: number;
  kind: string;
  text: string;
  reviewer: string;
  created_at: string;
  reply_to: number | null;
  calls: [number, number][];
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
  version: string;
  independent: boolean;
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
  sides?: Side[];
}

export interface WithClip {
  clip?: Clip;
}

export interface Decided {
  clip?: Clip;
  notice: string;
  positions: number[];
  boxes_left?: number;
  next?: number[];
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

export interface People {
  names: string[];
}

export interface Progress {
  text: string;
  title: string;
}

export interface Leased {
  places: number[];
  held_by: string;
}

export interface Changes {
  version: string;
  cells: [number, string, string][];
  clips: number[];
  more: boolean;
}

export interface Snippet {
  id: string;
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
  of_stretch?: boolean;
  similarity?: number;
  likely?: number;
  at_random?: boolean;
  asks?: string;
  asks_name?: string;
  reason?: string;
}

export interface Snippets {
  position: number;
  more: boolean;
  snippets: Snippet[];
  said?: string;
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
  may_decide: boolean;
  alone: boolean;
  partial: boolean;
  to_do_from: number | null;
  placed: boolean;
  searches: boolean;
  moment_s: number | null;
  clip?: Clip;
}

export interface Places {
  items: (number | (number | string)[])[];
  at: number;
}

export interface LightClip {
  visit: Visit;
  list: string;
}

export interface Wall {
  path: string;
  searches: boolean;
  query: Record<string, string>;
  class_name: string;
  token: string;
  empty: string;
  may_decide: boolean;
  stretches?: boolean;
}

export interface QueueRow {
  clip_id: number;
  class: string;
  name: string;
  file: string;
  verdict: string;
  marks: string[];
  rating: number | null;
  fold: number;
  rank?: number;
  kind?: string;
  wrong?: number;
  why?: string;
  clipwise?: number | null;
  frame?: number | null;
}

export interface QueueRows {
  version: string;
  total: number;
  first: number;
  rows: QueueRow[];
}

export interface Queue {
  view: string;
  query: Record<string, string>;
  link: Record<string, string>;
  columns: string[];
  hidden: string[];
  sorted: string;
  dealt: boolean;
  hint: string;
  token: string;
  reviewer: string;
  may_decide: boolean;
  most: number;
  rows: QueueRows;
}

export interface DecidedCells {
  cells: number;
  words: string;
  verdicts: string;
  decided: number;
  position?: number;
}

export interface Landscape {
  query: Record<string, string>;
  filter: Record<string, string> | null;
  count: number;
  method: string;
  by: string;
  choices: [string, string][];
  questions: [string, string, string][];
  token: string;
  reviewer: string;
  may_decide: boolean;
  has_queue: boolean;
  most_cells: number;
}

export interface Legend {
  names: string[];
  counts: number[];
  unknown: number;
  is_share: boolean;
}

export interface MapStretch {
  point: number;
  snippet: Snippet;
  labels: string;
  alike?: number;
}

export interface MapStretches {
  stretches: MapStretch[];
}

export interface MapCluster {
  number: number;
  stretches: number;
  clips: number;
  says: string;
  middle: [number, number];
}

export interface MapClusters {
  answers: Record<string, MapCluster[]>;
  count: number;
}

export interface MapTypical {
  central: MapStretch[];
  odd: MapStretch[];
}

export interface MapArea {
  stretches: number;
  clips: number;
  cells: number;
  words: string;
  chosen?: string;
  these?: [number, string][];
  version?: string;
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
  at_random?: boolean;
}

/** pages.ui.player.component.PageEvent */
export interface PageEvent {
  action: "finished" | "moved" | "refresh" | "like";
  clip_id: number;
  mode?: string;
  like?: string;
  class?: string;
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
