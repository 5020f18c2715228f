// Work of some milliseconds is done right after a frame: it then has the most time until the next is due, and is not what makes that one late.

let waiting: (() => void)[] = [];
let asked = false;

function run(): void {
  asked = false;
  const now = waiting;
  waiting = [];
  for (const work of now) work();
}

// In the order of the calls.
export function afterFrame(work: () => void): void {
  waiting.push(work);
  // A page that nobody sees gets no frames.
  if (document.visibilityState !== "visible") return run();
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => setTimeout(run));
}
