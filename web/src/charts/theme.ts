// Canvas cannot read CSS variables by itself; this does, and says when the system's theme changes.

import { Observable } from "../core/observable.ts";
import { settings } from "../ui/settings.ts";

export interface Theme {
  series: string[];
  grid: string;
  axis: string;
  text: string;
  mark: string;  // of errors in the log
  critical: string;
  warning: string;
}

function read(): Theme {
  const style = getComputedStyle(document.documentElement);
  const get = (name: string): string => style.getPropertyValue(name).trim();
  return {
    series: Array.from({ length: 8 }, (_, index) => get(`--series-${index + 1}`)),
    grid: get("--chart-grid"),
    axis: get("--chart-axis"),
    text: get("--muted"),
    mark: get("--bar-high"),
    critical: get("--down"),
    warning: get("--late"),
  };
}

export const theme = new Observable<Theme>({ series: [], grid: "", axis: "", text: "", mark: "", critical: "", warning: "" });

export function followTheme(): void {
  const update = (): void => theme.set(read());
  settings.watch(update);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
  update();
}

// `#rrggbb` with an opacity.
export const faded = (colour: string, opacity: number): string =>
  colour + Math.round(opacity * 255).toString(16).padStart(2, "0");
