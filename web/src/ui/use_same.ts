import { useRef } from "preact/hooks";

// `next`, or the one before where that says the same: charts are drawn again for another list.
export function useSame<T>(next: T): T {
  const kept = useRef(next);
  if (next !== kept.current && JSON.stringify(next) !== JSON.stringify(kept.current)) kept.current = next;
  return kept.current;
}
