// All lines of a search as a file of text, newest first as they are shown, up to a bound.

import { count } from "../core/texts.ts";
import { lineText } from "../core/log_lines.ts";
import { loadPage, type Wanted } from "./logs.ts";

export const kMostDownloaded = 100_000;
const kPage = 5000;

// Says how many lines it has after each page. Returns why it is not all of them; empty: it is.
export async function downloadLines(wanted: Wanted, name: string, signal: AbortSignal, progress: (lines: number) => void): Promise<string> {
  const parts: string[] = [];
  let lines = 0;
  let cursor = "";
  let partial = "";
  do {
    const page = await loadPage(wanted, kPage, cursor, signal);
    parts.push(page.lines.map(lineText).join(""));
    lines += page.lines.length;
    cursor = page.cursor;
    if (page.lines.length === 0 && page.partial !== "") {
      partial = page.partial;
      break;
    }
    progress(lines);
  } while (cursor !== "" && lines < kMostDownloaded);
  if (cursor !== "" && partial === "") partial = count("the newest line|the newest {n} lines", lines);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type: "text/plain;charset=utf-8" }));
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return partial;
}
