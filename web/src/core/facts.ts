// What hosts are (host_info), and the words of a search about it: `os:debian`, `kernel<6.6`, `virt:kvm`.

import type { StatementResult } from "./influx_response.ts";

export type Facts = Readonly<Record<string, string>>;
export type FactsOf = ReadonlyMap<string, Facts>;

// The word of the search, and the fields that it looks into.
const kFields: Record<string, readonly string[]> = {
  os: ["os_id", "os", "os_version"], kernel: ["kernel"], arch: ["architecture"], model: ["cpu_model"], virt: ["virtualization"],
  address: ["addresses"],
};
export const kFactWords = Object.keys(kFields);
export const kFactFields = ["os", "os_version", "os_id", "kernel", "architecture", "cpu_model", "virtualization", "addresses"];

// "6.1.0-18-amd64" against "6.6": part by part, as numbers; a part that is missing is 0.
export function compareVersions(a: string, b: string): number {
  const parts = (text: string): number[] => (/^\d+(?:\.\d+)*/.exec(text)?.[0] ?? "").split(".").map(Number);
  const [x, y] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(x.length, y.length); ++i) {
    const order = (x[i] ?? 0) - (y[i] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

// Whether the facts match; null: the word is about no fact. `word` is in lower case.
export function matchesFact(facts: Facts | undefined, word: string): boolean | null {
  const found = /^([a-z]+)([:<>])(.+)$/.exec(word);
  const fields = kFields[found?.[1] ?? ""];
  const wanted = found?.[3] ?? "";
  if (found === null || fields === undefined) return null;
  if (found[2] !== ":" && !/^\d/.test(wanted)) return null;
  const values = fields.map((field) => facts?.[field] ?? "").filter((value) => value !== "");
  if (found[2] === ":") return values.some((value) => value.toLowerCase().includes(wanted));
  const value = fields.map((field) => facts?.[field] ?? "").find((one) => /^\d/.test(one));
  if (value === undefined) return false;
  const order = compareVersions(value, wanted);
  return found[2] === "<" ? order < 0 : order > 0;
}

export function decodeFacts(result: StatementResult | undefined): FactsOf {
  const facts = new Map<string, Facts>();
  for (const series of result?.series ?? []) {
    const host = series.tags["host"] ?? "";
    const values = series.values[0] ?? [];
    const entries = series.columns.map((column, at) => [column, values[at]] as const)
      .filter((entry): entry is readonly [string, string] => typeof entry[1] === "string" && entry[1] !== "");
    if (host !== "") facts.set(host, Object.fromEntries(entries));
  }
  return facts;
}
