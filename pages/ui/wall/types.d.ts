// What the wall's parts speak of, and what each of them needs of the wall.

import type { Api } from "../shared/api";
import type { Snippet, Wall as WallData } from "../shared/server";
import type { Level } from "../shared/types";
import type { WallBatch } from "./batch";
import type { WallChoice } from "./choice";
import type { WallGrid } from "./grid";
import type { WallList } from "./list";
import type { WallSound } from "./sound";
import type { WallTiles } from "./tiles";
import type { makeTile } from "./view";

export type Verdict = "present" | "absent" | "unsure";
export type Order =
  | "rank" | "clipwise" | "framewise" | "alike" | "likely" | "uncertain" | "varied" | "random" | "next" | "central" | "odd" | "time"
  | "score" | "drawn";
export type ScoreField = "p_wrong" | "clipwise" | "framewise" | "similarity" | "likely";

/** The element of a snippet; `index` is which one it shows, `painted` what its picture was drawn of. */
export type WallTile = ReturnType<typeof makeTile>;

export interface Rectangle {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** A snippet's window as it is drawn: levels row by row, and the two that show it well. */
export interface Drawn {
  levels: Uint8Array;
  columns: number;
  rows: number;
  floor: number;
  ceiling: number;
  error?: undefined;
}

export type Cut = Drawn | { error: string };

/** What is sent, once or more often; `done` says what an answer means. */
export interface Sending {
  path: string;
  body: unknown;
  said: string;
  done: (answer: any) => string;
  unanswered?: boolean;
}

export interface GridHost {
  make: () => WallTile;
  bind: (tile: WallTile, index: number) => void;
  moved: () => void;
}

export interface ChoiceHost {
  readonly shown: Snippet[];
  drawSelection(): void;
}

export interface ListHost {
  readonly data: WallData;
  readonly api: Pick<Api, "ask">;
  readonly choice: Pick<WallChoice, "ids">;
  readonly tiles: Pick<WallTiles, "forgetErrors">;
  tell(text: string, level?: Level): void;
  loading(is: boolean): void;
  arrived(said: string): void;
  show(): void;
  showEmpty(text: string): void;
}

export interface BatchHost {
  readonly data: WallData;
  readonly list: Pick<WallList, "position" | "readAgain">;
  readonly api: Pick<Api, "ask">;
  readonly choice: Pick<WallChoice, "clear">;
  tell(text: string, level?: Level): void;
  drawSelection(): void;
  trigger(name: string, value: unknown): void;
}

export interface LikeHost {
  readonly data: WallData;
  readonly list: Pick<WallList, "snippets" | "isSearch">;
  readonly shown: Snippet[];
  readonly active: number;
  readonly choice: Pick<WallChoice, "has">;
  tell(text: string, level?: Level): void;
  trigger(name: string, value: unknown): void;
}

export interface ActionsHost extends LikeHost {
  readonly list: Pick<WallList, "snippets" | "isSearch" | "fetch">;
  readonly grid: Pick<WallGrid, "columns" | "rowsOnScreen">;
  readonly sound: Pick<WallSound, "snippet" | "id" | "stop">;
  readonly choice: Pick<WallChoice, "has" | "toggle" | "range" | "clear">;
  readonly batch: Pick<WallBatch, "undo">;
  onHover: boolean;
  hiding: boolean;
  move(step: number, shift: boolean): void;
  played(index: number): void;
  opened(index: number): void;
  decide(verdict: Verdict): void;
  drawCounts(): void;
  show(): void;
}

export interface CountsHost {
  readonly data: WallData;
  readonly list: Pick<WallList, "snippets" | "more" | "order" | "isToDo">;
  readonly hiding: boolean;
  readonly onHover: boolean;
}

export interface PointerHost {
  readonly grid: Pick<WallGrid, "touched">;
  readonly choice: Pick<WallChoice, "rectangle">;
  indexOf(element: Element | null): number;
  press(index: number, shift: boolean): void;
  hovered(index: number): void;
  played(index: number): void;
  opened(index: number): void;
}
