// What the parts of the queue's rows speak of, and what each of them needs of the whole.

import type { Api } from "../shared/api";
import type { QueueRow, QueueRows } from "../shared/server";

/** A row that is ticked, with its place in the list. */
export interface Ticked {
  row: QueueRow;
  index: number;
}

export interface RowElement extends HTMLDivElement {
  index: number;
  cells: Record<string, HTMLElement>;
}

export interface GridHost {
  make(): RowElement;
  bind(row: RowElement, index: number): void;
  moved(): void;
}

export interface StoreHost {
  readonly api: Pick<Api, "ask">;
  readonly query: Record<string, string>;
  /** Rows are here, or (`anew`) it is another list from now on. */
  came(anew: boolean): void;
  renew(): void;
  /** "" once the server answers again. */
  silent(text: string): void;
}

export interface TicksHost {
  readonly most: number;
  readonly store: { range(from: number, to: number): Promise<QueueRow[]>; get(index: number): QueueRow | null };
  ticked(): void;
  tell(text: string): void;
}

export interface DecidingHost {
  readonly api: Pick<Api, "ask">;
  readonly query: Record<string, string>;
  renew(): void;
  /** Something was decided, or undone (no `position`); `position` is the journal's, by which it can be. */
  decided(said: string, position: number | null): void;
}

export type { QueueRow, QueueRows };
