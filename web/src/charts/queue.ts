// Charts are made a few a frame, in the order in which they stand on the page, so that the first is seen while the others are made. Before, all
// of them learn their width: a width that is read after a chart was put into the page has the browser lay out the page again for it. Charts of one
// grid are as wide as each other, so that only the first of them is asked; a chart that is told wrong finds out by itself (chart.ts).
// Those far outside the window are made when the browser has nothing else to do, when they come near, or when they are printed.

import { afterFrame } from "../net/after_frame.ts";
import { holdOthers } from "../net/query.ts";

interface Waiting {
  place: HTMLElement;
  width: number | null;  // pixels; null: not read yet
  make: (width: number) => void;
  isNear: boolean | null;  // null: the browser has not said it yet
}

// The first of them are soon seen; each further frame costs the browser the canvases of all.
const kFirstSliceMs = 16;
const kSliceMs = 80;
const kNear = "50%";  // of the window, above and below it
const kLatestMs = 2000;

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
let isFirst = true;  // of the page: then the first charts of all are near, and need not wait for the browser to say so
let isIdling = false;

const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    for (const one of waiting) if (one.place === target) one.isNear = isIntersecting;
  }
  schedule();
}, { rootMargin: kNear });

addEventListener("beforeprint", () => {
  for (const one of [...waiting]) make(one);
  freeOthers();
});

// A page that nobody sees is told nothing of what is near.
const isDue = (one: Waiting): boolean => one.isNear ?? (isFirst || document.visibilityState !== "visible");
const next = (): Waiting | undefined => waiting.find(isDue);
const isOver = (): boolean => waiting.every((one) => one.isNear === false);

function schedule(): void {
  if (isOver()) {
    begun = false;
    freeOthers();
    return idle();
  }
  if (scheduled || next() === undefined) return;
  scheduled = true;
  // A page that nobody sees gets no frames.
  if (document.visibilityState === "visible") requestAnimationFrame(turn);
  else setTimeout(turn);
}

function forget(one: Waiting): void {
  waiting = waiting.filter((other) => other !== one);
  sight.unobserve(one.place);
}

function make(one: Waiting): void {
  forget(one);
  one.make(one.width ?? widthOf(one.place));
}

function turn(): void {
  scheduled = false;
  for (const one of waiting) one.width ??= widthOf(one.place);
  const end = performance.now() + (begun ? kSliceMs : kFirstSliceMs);
  begun = true;
  for (let one = next(); one !== undefined; one = performance.now() < end ? next() : undefined) make(one);
  isFirst = false;
  schedule();
}

function idle(): void {
  if (isIdling || waiting.length === 0) return;
  isIdling = true;
  const rest = (deadline?: IdleDeadline): void => {
    isIdling = false;
    for (let one = waiting[0]; one !== undefined; one = (deadline?.timeRemaining() ?? 0) > 0 ? waiting[0] : undefined) make(one);
    schedule();
  };
  if (typeof requestIdleCallback === "function") requestIdleCallback(rest, { timeout: kLatestMs });
  else setTimeout(rest, kLatestMs / 10);
}

function freeOthers(): void {
  if (release === null || !isOver()) return;
  afterFrame(release);
  release = null;
}

// Calls `make` within the next frames, or later where `place` is not near. Returns what takes that back.
export function makeSoon(place: HTMLElement, make: (width: number) => void): () => void {
  const one: Waiting = { place, width: null, make, isNear: null };
  waiting.push(one);
  sight.observe(place);
  release ??= holdOthers();
  schedule();
  return () => {
    forget(one);
    freeOthers();
  };
}
