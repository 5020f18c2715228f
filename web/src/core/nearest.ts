// "Did you mean …": the known word that is nearest to one that is not known.

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; ++i) {
    const next = [i];
    for (let j = 1; j <= b.length; ++j) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

const kLongest = 64;

export function nearest(word: string, known: Iterable<string>): string | null {
  const wanted = word.toLowerCase();
  let best: { name: string; far: number } | null = null;
  for (const name of known) {
    if (name.length > kLongest || wanted.length > kLongest) continue;
    const other = name.toLowerCase();
    // A part of the name is near, however long the rest.
    const far = other.startsWith(wanted) && wanted.length > 2 ? 1 : distance(wanted, other);
    if (far <= Math.max(1, Math.floor(wanted.length / 3)) && (best === null || far < best.far)) best = { name, far };
  }
  return best?.name ?? null;
}

export interface Doubt {
  unknown: string;
  of: string;            // of which measurement it should be a field or a tag; empty: it should be a measurement
  suggestion: string | null;
}

interface Names {
  measurements: readonly string[];
  fields: ReadonlyMap<string, readonly string[]>;
  tags: ReadonlyMap<string, readonly string[]>;
}

const kName = '"((?:[^"\\\\]|\\\\.)+)"|([A-Za-z_][\\w-]*)';

// Why a query of one measurement has no rows: the first name in it that nobody knows.
export function doubtOf(query: string, names: Names): Doubt | null {
  if (names.measurements.length === 0 || (query.match(/\bFROM\b/gi) ?? []).length !== 1) return null;
  const bare = query.replace(/'(?:[^'\\]|\\.)*'/g, "''");
  const from = new RegExp(`\\bFROM\\s+(?:${kName})`, "i").exec(bare);
  const measurement = from?.[1] ?? from?.[2];
  if (from === null || measurement === undefined) return null;
  if (!names.measurements.includes(measurement)) return { unknown: measurement, of: "", suggestion: nearest(measurement, names.measurements) };
  const known = new Set([...(names.fields.get(measurement) ?? []), ...(names.tags.get(measurement) ?? []), "time"]);
  if (known.size === 1) return null;
  // Names in quotes only: a bare word may be a function or a keyword. What follows AS is the asker's own.
  const rest = bare.replace(/\bAS\s+(?:"[^"]*"|\w+)/gi, "").replace(from[0], "");
  for (const [, name = ""] of rest.matchAll(/"((?:[^"\\]|\\.)+)"/g)) {
    if (!known.has(name)) return { unknown: name, of: measurement, suggestion: nearest(name, known) };
  }
  return null;
}

// The query with the suggestion in the place of what was not known.
export const withSuggestion = (query: string, { unknown, suggestion }: Doubt): string =>
  query.replace(new RegExp(`"${unknown.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}"|\\b${unknown.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\b`, "g"), () => `"${suggestion ?? unknown}"`);
