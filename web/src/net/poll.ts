// Questions that a view asks again and again, while the page is live and looked at.

import { connection } from "./live.ts";

// Asks at once, when the connection is live again, and `everyMs` after each answer. Returns what ends it. An error is left to the next turn.
export function poll(everyMs: number, ask: () => Promise<unknown>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let left = false;
  const turn = (): void => {
    clearTimeout(timer);
    if (left) return;
    const may = connection.value.kind === "live" && document.visibilityState === "visible";
    void (may ? ask().catch(() => undefined) : Promise.resolve()).finally(() => {
      clearTimeout(timer);
      if (!left) timer = setTimeout(turn, everyMs);
    });
  };
  let kind = connection.value.kind;
  const unwatch = connection.watch(() => {
    const before = kind;
    kind = connection.value.kind;
    if (kind === "live" && before !== "live") turn();
  });
  turn();
  return () => {
    left = true;
    clearTimeout(timer);
    unwatch();
  };
}
