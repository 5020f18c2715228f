// Completion for the search over log lines: the names that a term can have, and behind a name the values that lines have.

import { kLineLevels, termOf, type Facet } from "./log_lines.ts";

export interface LogOption {
  text: string;   // what is put in
  label: string;  // what is shown
  lines: number;  // that have it; 0: not known
}

export interface LogCompletion {
  from: number;  // the part of the text from here to the cursor is replaced
  options: LogOption[];
}

const kNames = ["host", "unit", "level", "source", "pid", "message"];
const kMostOptions = 12;

// Where the word at the cursor begins: behind the last blank or parenthesis that is not between quotes.
function wordStart(text: string): number {
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; ++at) {
    const c = text.charAt(at);
    if (quoted && c === "\\") ++at;
    else if (c === '"') quoted = !quoted;
    else if (!quoted && (c === " " || c === "(" || c === ")")) start = at + 1;
  }
  return text.charAt(start) === "-" || text.charAt(start) === "!" ? start + 1 : start;
}

function valuesOf(name: string, typed: string, facets: readonly Facet[]): LogOption[] {
  const facet = facets.find((one) => one.name === name);
  const known = new Map(facet?.values.map(({ value, lines }) => [value, lines]) ?? []);
  const comparison = /^[<>]=?/.exec(typed)?.[0] ?? "";
  const wanted = typed.slice(comparison.length).replace(/^=/, "").replace(/^"/, "").toLowerCase();
  const values = name === "level" ? [...kLineLevels] : [...known.keys()];
  return values
    .filter((value) => value.toLowerCase().includes(wanted))
    .sort((a, b) => Number(!a.toLowerCase().startsWith(wanted)) - Number(!b.toLowerCase().startsWith(wanted)))
    .map((value) => ({
      text: comparison === "" ? termOf(name, value) : `${name}:${comparison}${value}`, label: comparison + value, lines: known.get(value) ?? 0,
    }));
}

export function completeLogs(text: string, cursor: number, facets: readonly Facet[]): LogCompletion {
  const before = text.slice(0, cursor);
  const from = wordStart(before);
  const word = before.slice(from);
  const colon = word.indexOf(":");
  // A path or a regex is text.
  if (word.startsWith('"') || word.startsWith("/")) return { from, options: [] };
  const options = colon > 0 ? valuesOf(word.slice(0, colon), word.slice(colon + 1), facets) :
    [...new Set([...kNames, ...facets.map((facet) => facet.name)])]
      .filter((name) => name.toLowerCase().startsWith(word.toLowerCase()) && /^[\w.-]+$/.test(name))
      .map((name) => ({ text: `${name}:`, label: `${name}:`, lines: 0 }));
  return { from, options: options.filter((one) => one.text !== word).slice(0, kMostOptions) };
}
