// Charts are made a few a frame, in the order in which they stand on the page, so that the first is seen while the others are made. Before, all
// of them learn their width: a width that is read after a chart was put into the page has the browser lay out the page again for it.

interface Waiting {
  place: HTMLElement;
  width: number | null;  // pixels; null: not read yet
  make: (width: number) => void;
}

// The first of them are soon seen; each further frame costs the browser the canvases of all.
const kFirstSliceMs = 16;
const kSliceMs = 80;

let waiting: Waiting[] = [];
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
  for (const one of waiting) one.width ??= one.place.clientWidth;
  const end = performance.now() + (begun ? kSliceMs : kFirstSliceMs);
  begun = true;
  do {
    const next = waiting.shift();
    next?.make(next.width ?? 0);
  } while (waiting.length > 0 && performance.now() < end);
  if (waiting.length === 0) begun = false;
  schedule();
}

// Calls `make` within the next frames. Returns what takes that back.
export function makeSoon(place: HTMLElement, make: (width: number) => void): () => void {
  const one: Waiting = { place, width: null, make };
  waiting.push(one);
  schedule();
  return () => {
    waiting = waiting.filter((other) => other !== one);
  };
}
