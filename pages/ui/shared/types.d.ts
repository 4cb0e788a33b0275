// What several scripts speak of. Times are seconds, frequencies hertz.

import type { TileFacts } from "./server";

export type Axis = TileFacts["axis"];
export type Scale = TileFacts["scale"];
export type Level = "info" | "warning";

export interface Band {
  low_hz: number;
  high_hz: number;
}

/** What is in view, or between what times something lies. */
export interface Span {
  from_s: number;
  to_s: number;
}

export interface Stretch {
  onset_s: number;
  offset_s: number;
}

/** A stretch with a band, or with none. */
export interface BandedStretch extends Stretch {
  low_hz: number | null;
  high_hz: number | null;
}

/** What suits a picture, in its own units: decibels, or plain PCEN. */
export interface Contrast {
  floor_db: number;
  ceiling_db: number;
  low_db: number;
  high_db: number;
  scale: Scale;
}

/** How levels become colours, once the contrast is known. */
export interface Colouring {
  colormap: string;
  floor: number;
  ceiling: number;
  brightness?: number;
}

/** A tile as it can be drawn. */
export interface Drawable extends Stretch {
  bitmap: ImageBitmap;
  columns: number;
  step_s: number;
  facts: { top_hz?: number; bottom_hz?: number };
}

/** What Streamlit hands to a component. */
export interface Component<Data> {
  parentElement: HTMLElement;
  data: Data | null;
  setTriggerValue: (name: string, value: unknown) => void;
}
