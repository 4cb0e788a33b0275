// What the player's parts speak of, and what each of them needs of the player: no part knows more of it than that.

import type { Api, Refusal } from "../shared/api";
import type { Box, Clip, Lane, Mark, NewClass, PageEvent, PeakFacts, PlayerEvent, Region, TileFacts, Visit } from "../shared/server";
import type { Axis, Band, BandedStretch, Colouring, Contrast, Drawable, Level, Scale, Span, Stretch } from "../shared/types";
import type { Adder } from "./deciding/add";
import type { Decisions } from "./deciding/decide";
import type { Drawer } from "./deciding/drawer";
import type { Focus } from "./deciding/focus";
import type { Flow, Messenger, Preferences } from "./deciding/flow";
import type { Help } from "./keys/help";
import type { Keys } from "./keys/keys";
import type { Lanes } from "./lanes/lanes";
import type { Progress } from "./deciding/progress";
import type { Boxes } from "./boxes/regions";
import type { Sound } from "./sound/sound";
import type { buildSoundChain } from "./sound/chain";
import type { Stage } from "./picture/stage";
import type { Team } from "./deciding/team";
import type { Transport } from "./sound/transport";
import type { buildView } from "./view";

export type View = ReturnType<typeof buildView>;
export type Verdict = "present" | "absent" | "unsure";

/** One place in the list: a clip, and how it is asked about. */
export interface Item {
  clip_id: number;
  mode: string;
  class: string;
}

/** A fetched clip; `data` once it is there. */
export interface Kept {
  promise: Promise<Clip>;
  data: Clip | null;
  ahead: AbortController | null; // stops what nobody waits for yet
}

/** What was said of a clip, for what is shown next. */
export interface Answered {
  focus?: string;
  decided?: string;
  region?: unknown;
  boxed?: boolean;
}

/** What the controls are set to, kept under the reviewer's name. */
export interface Look {
  colormap: string;
  floor: number;
  ceiling: number;
  gain: number;
  speed: number;
  pitch: string;
  normalise: boolean;
  loop: boolean;
  autoplay: boolean;
  heatmap: boolean;
  compare: boolean;
  waveform: boolean;
}

/** How the picture is drawn; null is the server's own choice. */
export interface Picture {
  axis: Axis;
  scale: Scale;
  n_fft: number | null;
  hop_length: number | null;
  window: string | null;
  low_hz: number | null;
  high_hz: number | null;
  rows: number | null;
  denoise: boolean;
  brightness: number;
}

/** One setting of the picture: what it may be, or between what numbers it may lie. */
export interface PictureField {
  name: "axis" | "scale" | "n_fft" | "hop_length" | "window" | "low_hz" | "high_hz" | "rows";
  label: string;
  choices?: [string | number | null, string][];
  least?: number;
  most?: number;
  unit?: string;
}

export interface Preset {
  name: string;
  picture: Partial<Picture>;
}

/** A box that stands on a cell, with the class that it is of. */
export interface DrawnBox extends Box {
  class: string;
  name: string;
  verdict: string;
}

/** A box drawn, moved or taken away. */
export interface BoxChange {
  class: string;
  verdict?: string;
  region?: Region | null;
  replaces?: number | null;
}

/** A tile that is wanted. */
export interface Wish extends Span {
  key: string;
  url: string;
  kind: string;
  palette: string;
  down: number;
  across: number;
}

/** A tile that is here; coloured as `stamp` says once it has a bitmap. */
export interface Tile extends Stretch {
  key: string;
  palette: string;
  facts: TileFacts;
  levels: Uint8Array;
  columns: number;
  rows: number;
  bitmap: ImageBitmap | null | undefined;
  stamp: string | null | undefined;
  step_s: number;
  bytes: number;
}

/** By what the first tiles of a palette are coloured, `count` of them together: those that come within a time. */
export interface First {
  palette: string;
  count: number;
  patienceMs: number;
  colouring: Colouring;
}

/** What the worker is told. */
export type ToWorker =
  | { do: "load"; job: number; url: string; kind: string; across: number; down: number; table: Uint32Array | undefined; first: First | undefined; ahead: boolean }
  | { do: "paint"; batch: true; tiles: { levels: Uint8Array; columns: number; rows: number; table: Uint32Array }[] }
  | { do: "cancel"; job: number };

/** What the worker answers: a tile, why there is none, or bitmaps. */
export type Arrived =
  | { job: number; error: string; status: number }
  | { job: number; facts: TileFacts; levels: Uint8Array; columns: number; rows: number; bitmap: ImageBitmap | undefined; stamp: string | undefined };
export interface Painted {
  batch: true;
  bitmaps: (ImageBitmap | null)[];
}

export type SoundChain = ReturnType<typeof buildSoundChain>;
/** [left, right, value] in whole pixels. */
export type Block = [number, number, number];
/** Some band that is heard; a bound that is null is open. */
export interface HeardBand {
  low_hz: number | null;
  high_hz: number | null;
}
export type LaneName = Pick<Lane, "class" | "role" | "kind">;
export type SelectRange = Stretch & Partial<BandedStretch>;

// ---------------------------------------------------------------- what the parts need of the player

// `data` is the clip on the screen. Before the first one has come there is none, and then no part is drawn or pressed:
// what can happen earlier asks first.

interface Tells {
  tell(text: string, level: Level): void;
}

export interface ProgressHost {
  readonly flow: Pick<Flow, "items" | "at">;
  readonly api: Pick<Api, "ask">;
}

export interface TeamHost extends Tells {
  readonly page: Pick<Visit, "visit" | "may_decide" | "to_do_from">;
  readonly api: Pick<Api, "ask">;
  readonly data: Clip;
  readonly lane: Lane | null;
  readonly coming: boolean;
  readonly flow: Flow;
  readonly messenger: Pick<Messenger, "locked">;
  readonly boxes: Pick<Boxes, "resting">;
  readonly decisions: Pick<Decisions, "surprised">;
  open(at: number): void;
  show(data: Clip): void;
}

export interface FocusHost {
  readonly data: Clip;
  readonly lanes: Pick<Lanes, "drawFocus">;
  readonly boxes: Pick<Boxes, "drawFocus">;
  readonly stage: Pick<Stage, "drawMarks">;
  readonly drawer: Pick<Drawer, "draw">;
  readonly transport: Pick<Transport, "draw">;
}

export interface HelpHost extends Tells {
  readonly data: Clip;
  keys: Keys;
  readonly preferences: Pick<Preferences, "set">;
}

export interface SidesHost {
  readonly data: Clip;
  readonly pageHost: Element;
  readonly keys: Pick<Keys, "hears">;
  readonly help: Pick<Help, "draw">;
  readonly flow: Pick<Flow, "item">;
  readonly stage: Pick<Stage, "select">;
  readonly decisions: Pick<Decisions, "eventFor" | "post">;
  playStretch(): void;
}

export interface DrawerHost extends Tells {
  /** The address of the clip alone, below the app's root; "" where it is not told. */
  readonly link: string;
  readonly api: Pick<Api, "ask">;
  readonly v: Pick<View, "root" | "flag" | "drawerButton">;
  readonly data: Clip;
  readonly lane: Lane | null;
  readonly decisions: Pick<Decisions, "isBlind" | "mark" | "undo">;
  readonly stage: Pick<Stage, "takeFreeHeight">;
}

export interface LanesHost {
  readonly api: Pick<Api, "bytes">;
  readonly data: Clip;
  readonly lane: Lane | null;
  readonly look: Look;
  readonly stage: Pick<Stage, "view" | "percent" | "place" | "listenTime" | "onDraw">;
  setFocus(code: string): void;
}

export interface StageHost extends Tells {
  readonly data: Clip;
  readonly lane: Lane | null;
  readonly look: Look;
  readonly dark: boolean;
  /** Pixels that the page has under the player. */
  readonly belowPx: number;
  readonly sound: Pick<Sound, "playing" | "position" | "rate" | "element">;
  readonly preferences: Pick<Preferences, "get" | "set">;
  seek(timeS: number): void;
  selected(): void;
  setLook(change: Partial<Look>): void;
  renew(): void;
}

export interface BoxesHost extends Tells {
  readonly data: Clip;
  readonly lane: Lane | null;
  readonly focus: string;
  readonly stage: Stage;
  readonly sound: Pick<Sound, "position">;
  readonly keys: Pick<Keys, "shown" | "actionPressed">;
  readonly messenger: Pick<Messenger, "locked">;
  readonly decisions: Pick<Decisions, "isBlind">;
  seek(timeS: number): void;
  selected(): void;
  setFocus(code: string): void;
  changeBox(change: BoxChange): unknown;
  messaged(what: string): void;
}

export interface TransportHost extends Tells {
  readonly data: Clip;
  readonly stage: Pick<Stage, "selection" | "drawAll" | "drawCursor" | "recolour" | "takeFreeHeight">; // none before the transport is there
  readonly boxes: Pick<Boxes, "picked">;
  readonly preferences: Pick<Preferences, "set">;
  renew(): void;
}

/** A class: its code, its name to show, whether it is new: held by no import and no label version. */
export type Known = [code: string, name: string, isNew?: boolean];

export interface AdderHost {
  take(code: string, name: string): void;
  /** Whether this clip is on the screen still. */
  isAt(clip: Clip): boolean;
  /** Raises Refusal. */
  make(code: string, name: string): Promise<NewClass>;
  problem(text: string): void;
}

export interface ChannelHost extends Tells {
  readonly page: Pick<Visit, "may_decide">;
  readonly data: Clip;
  readonly api: Pick<Api, "ask">;
  readonly flow: Pick<Flow, "at" | "item" | "viewOf" | "forget" | "keep">;
  show(data: Clip): void;
  open(at: number): void;
}

export interface DecisionsHost extends Tells {
  readonly page: Pick<Visit, "may_decide">;
  readonly api: Pick<Api, "ask">;
  readonly v: Pick<View, "root">;
  readonly data: Clip;
  readonly lane: Lane | null;
  readonly coming: boolean;
  readonly flow: Flow;
  readonly messenger: Pick<Messenger, "locked" | "send">;
  readonly stage: Pick<Stage, "selection">;
  readonly boxes: Pick<Boxes, "removed">;
  readonly adder: Pick<Adder, "open">;
  readonly drawer: Pick<Drawer, "draw" | "written">;
  readonly progress: Pick<Progress, "later">;
  readonly team: Pick<Team, "wish" | "after">;
  /** Whether what comes on the screen is where a link or an undo leads. */
  placed: boolean;
  setFocus(code: string): void;
  show(data: Clip, answered?: Answered | null): void;
  open(at: number, answered?: Answered | null): void;
  messaged(what: string): void;
  acted(): void;
}

export interface LikeHost extends Tells {
  readonly data: Clip;
  readonly page: Visit;
  readonly lane: Lane | null;
  readonly stage: Pick<Stage, "selection">;
  readonly boxes: Pick<Boxes, "picked">;
  emit(event: PageEvent & { at: string }): void;
}

export interface ActionsHost extends LikeHost {
  readonly look: Look;
  readonly sound: Pick<Sound, "playing" | "position" | "pause" | "resume">;
  readonly stage: Stage;
  readonly boxes: Pick<Boxes, "picked" | "fromSelection" | "takeStretch" | "next" | "remove" | "nudge">;
  readonly decisions: Decisions;
  readonly transport: Pick<Transport, "changeSpeed" | "toggleBand">;
  readonly drawer: Pick<Drawer, "write" | "toggle">;
  readonly help: Pick<Help, "toggle">;
  readonly focused: Pick<Focus, "move">;
  setLook(change: Partial<Look>): void;
  seek(timeS: number): void;
  playStretch(): void;
  go(step: number): void;
  clear(): void;
}

declare global {
  interface Window {
    /** The thread for tiles, where it was started ahead of the player (picture/worker.js). */
    earmarkTileWorker?: Worker;
  }
}
