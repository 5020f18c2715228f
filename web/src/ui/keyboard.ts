// One table of shortcuts, from which both the handling and the help are made.

import { useEffect } from "preact/hooks";

export interface Shortcut {
  keys: string;  // "/" or "g f" (one after the other)
  what: string;
  run: (event: KeyboardEvent) => void;
}

const groups = new Map<object, { title: string; shortcuts: readonly Shortcut[] }>();
let pending = "";
let pendingTimer: ReturnType<typeof setTimeout> | undefined;

export const shortcutGroups = (): { title: string; shortcuts: readonly Shortcut[] }[] => [...groups.values()];

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
  const all = [...groups.values()].reverse().flatMap((group) => group.shortcuts);
  const found = all.find((one) => one.keys === typed) ?? all.find((one) => one.keys === event.key);
  if (found !== undefined) {
    event.preventDefault();
    found.run(event);
  } else if (all.some((one) => one.keys.startsWith(`${event.key} `))) {
    pending = event.key;
    pendingTimer = setTimeout(() => (pending = ""), 1200);
  }
});

export function useShortcuts(title: string, shortcuts: readonly Shortcut[]): void {
  useEffect(() => {
    const key = {};
    groups.set(key, { title, shortcuts });
    return () => {
      groups.delete(key);
    };
  });
}
