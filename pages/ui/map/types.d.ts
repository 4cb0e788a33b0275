// What the parts of the map speak of, and what each of them needs of the whole.

import type { Api } from "../shared/api";
import type { Landscape, MapCluster, MapStretch } from "../shared/server";
import type { Level } from "../shared/types";
import type { Camera } from "./camera";
import type { MapLayers } from "./layers";
import type { Picking } from "./picking";
import type { buildMap } from "./view";

export interface PointerHost {
  readonly camera: Camera;
  readonly outlining: boolean;
  looked(): void;
  pointAt(left: number, top: number): void;
  pressed(left: number, top: number, isTouch: boolean): void;
  left(): void;
  drawOutline(corners: [number, number][], isDone: boolean): void;
}

export interface AreaHost {
  readonly data: Landscape;
  readonly api: Pick<Api, "ask">;
  readonly scored: Record<string, string>;
  renew(): void;
  emit(event: Record<string, unknown>): void;
  tell(text: string, level: Level): void;
  areaChanged(): void;
  /** Something was decided: what is coloured by decisions is another. */
  changed(): void;
}

export interface ClustersHost {
  readonly data: Landscape;
  readonly api: Pick<Api, "ask">;
  row(one: MapStretch): HTMLElement;
  /** Rows of stretches are new on the screen. */
  listed(): void;
  clusterPicked(cluster: MapCluster): void;
}

export interface MarksHost {
  readonly camera: Camera;
  readonly picking: Picking | null;
  readonly drawn: [number, number][];
  readonly area: { readonly part: { outline?: [number, number][] } | null };
  readonly stretch: MapStretch | null;
  readonly near: MapStretch[];
  readonly point: number;
  readonly dark: boolean;
}

export interface LayersHost {
  readonly data: Landscape;
  readonly api: Pick<Api, "answer">;
  readonly v: { root: HTMLElement; legend: HTMLElement; count: HTMLElement };
  readonly dark: boolean;
  address(path: string, more?: Record<string, string>): string;
  /** Another map is on its way: nothing of the one before holds. */
  mapChanged(): void;
  arrived(first: boolean): void;
  filtered(): void;
  framed(): void;
  state(text: string): void;
  tell(text: string, level: Level): void;
}

export interface PointingHost {
  readonly api: Pick<Api, "ask">;
  readonly v: ReturnType<typeof buildMap>;
  readonly dark: boolean;
  readonly camera: Camera;
  readonly layers: MapLayers;
  address(path: string, more?: Record<string, string>): string;
  emit(event: Record<string, unknown>): void;
  looked(): void;
  tell(text: string, level: Level): void;
}
