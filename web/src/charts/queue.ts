// Charts are made a few a frame, in the order in which they stand on the page, so that the first is seen while the others are made. Before, all
// of them learn their width: a width that is read after a chart was put into the page has the browser lay out the page again for it. Charts of one
// grid are as wide as each other, so that only the first of them is asked; a chart that is told wrong finds out by itself (chart.ts).

import { afterFrame } from "../net/after_frame.ts";
import { holdOthers } from "../net/query.ts";

interface Waiting {
  place: HTMLElement;
  width: number | null;  // pixels; null: not read yet
  make: (width: number) => void;
}

// The first of them are soon seen; each further frame costs the browser the canvases of all.
const kFirstSliceMs = 16;
const kSliceMs = 80;

// By kind of grid and width of the window.
const known = new Map<string, number>();

function widthOf(place: HTMLElement): number {
  const grid = place.closest(".panel.is-full") === null ? place.closest(".panels") : null;
  if (grid === null) return place.clientWidth;
  const key = `${grid.className} ${innerWidth}`;
  const found = known.get(key) ?? place.clientWidth;
  if (found > 0) known.set(key, found);
  return found;
}

let waiting: Waiting[] = [];
let release: (() => void) | null = null;
let scheduled = false;
let begun = false;

function schedule(): void {
  if (scheduled || waiting.length === 0) return;
  scheduled = true;
  // A page that nobody sees gets no frames.
  if (document.visibilityState === "visible") requestAnimationFrame(turn);
  else setTimeout(turn);
}

function turn(): void {
  scheduled = false;
  for (const one of waiting) one.width ??= widthOf(one.place);
  const end = performance.now() + (begun ? kSliceMs : kFirstSliceMs);
  begun = true;
  do {
    const next = waiting.shift();
    next?.make(next.width ?? 0);
  } while (waiting.length > 0 && performance.now() < end);
  if (waiting.length === 0) begun = false;
  freeOthers();
  schedule();
}

function freeOthers(): void {
  if (waiting.length > 0 || release === null) return;
  afterFrame(release);
  release = null;
}

// Calls `make` within the next frames. Returns what takes that back.
export function makeSoon(place: HTMLElement, make: (width: number) => void): () => void {
  const one: Waiting = { place, width: null, make };
  waiting.push(one);
  release ??= holdOthers();
  schedule();
  return () => {
    waiting = waiting.filter((other) => other !== one);
    freeOthers();
  };
}
