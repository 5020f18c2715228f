// One table of shortcuts, from which both the handling and the help are made.

import { useLayoutEffect } from "preact/hooks";

export interface Shortcut {
  keys: string;  // "/" or "g f" (one after the other)
  what: string;
  run: (event: KeyboardEvent) => void;
}

interface Group { title: string; shortcuts: readonly Shortcut[]; everywhere: boolean }

const groups = new Map<object, Group>();
let pending = "";
let pendingTimer: ReturnType<typeof setTimeout> | undefined;

// Those of the view that is shown first.
export const shortcutGroups = (): Group[] => [...groups.values()].sort((a, b) => Number(a.everywhere) - Number(b.everywhere));

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName));
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (isTyping(event.target) && event.key !== "Escape") return;
  if (document.querySelector("dialog[open]") !== null) return;
  // It presses what has the focus.
  if (event.key === " " && event.target instanceof Element && event.target.matches("button, summary, a")) return;
  const typed = pending === "" ? event.key : `${pending} ${event.key}`;
  clearTimeout(pendingTimer);
  pending = "";
  const all = shortcutGroups().flatMap((group) => group.shortcuts);
  const found = all.find((one) => one.keys === typed) ?? all.find((one) => one.keys === event.key);
  if (found !== undefined) {
    event.preventDefault();
    found.run(event);
  } else if (all.some((one) => one.keys.startsWith(`${event.key} `))) {
    pending = event.key;
    pendingTimer = setTimeout(() => (pending = ""), 1200);
  }
});

export function useShortcuts(title: string, shortcuts: readonly Shortcut[], everywhere = false): void {
  // At once, not after the next painting: what is in the page has its keys.
  useLayoutEffect(() => {
    const key = {};
    groups.set(key, { title, shortcuts, everywhere });
    return () => {
      groups.delete(key);
    };
  });
}
