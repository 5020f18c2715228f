// One chart over the whole window: the one that has the focus of the keyboard, else the one under the pointer, else the first.

import { t } from "../core/texts.ts";
import { Observable } from "../core/observable.ts";
import type { Shortcut } from "./keyboard.ts";

export const fullPanel = new Observable<string | null>(null);  // the id of its element

export function closeFull(): boolean {
  const was = fullPanel.value !== null;
  fullPanel.set(null);
  return was;
}

export const kFullShortcut: Shortcut = {
  keys: "f", what: t("The chart with the focus, or under the pointer, over the whole window"),
  run: () => {
    if (closeFull()) return;
    const charts = [...document.querySelectorAll(".panel[id]:has(.chart)")];
    // A click leaves the focus behind, too; it is shown only where it came by keys.
    const chosen = charts.find((one) => one.querySelector(":focus-visible") !== null) ?? charts.find((one) => one.matches(":hover")) ??
      charts.find((one) => one.contains(document.activeElement)) ?? charts[0];
    if (chosen !== undefined) fullPanel.set(chosen.id);
  },
};

addEventListener("hashchange", closeFull);
