import { useEffect, useState } from "preact/hooks";
import { Observable } from "../core/observable.ts";

const second = new Observable(0);
setInterval(() => {
  if (document.visibilityState === "visible") second.set(second.value + 1);
}, 1000);

// Draws the calling component again every second.
export function useSecond(): void {
  const [, redraw] = useState(0);
  useEffect(() => second.watch(() => redraw(second.value)), []);
}
