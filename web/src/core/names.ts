// Long host names: which part of one tells it apart from its neighbours, so that what is cut off where there is no room is the rest.

const kLong = 20;  // shorter names fit

export interface NameParts {
  before: string;
  own: string;
  after: string;
}

function commonPrefix(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) ++at;
  return at;
}

// Parts end where a name has one of these, so that a number is not torn.
function cutBack(name: string, length: number): number {
  let at = length;
  while (at > 0 && !/[-._]/.test(name[at - 1] ?? "")) --at;
  return at;
}

// Of names that are long and share something with others. The shared end is a domain ("… .eu.example.org"), which at least two of them have; the
// shared begin is what the nearest other name has, too.
export function splitNames(names: Iterable<string>): ReadonlyMap<string, NameParts> {
  const long = [...names].filter((name) => name.length > kLong).sort();
  const domains = new Map<string, number>();
  const domainOf = (name: string): string => /\..*$/.exec(name)?.[0] ?? "";
  for (const name of long) domains.set(domainOf(name), (domains.get(domainOf(name)) ?? 0) + 1);
  const parts = new Map<string, NameParts>();
  long.forEach((name, index) => {
    const domain = domainOf(name);
    const after = domain !== "" && (domains.get(domain) ?? 0) > 1 ? domain : "";
    const stem = name.slice(0, name.length - after.length);
    const shared = Math.max(...[long[index - 1], long[index + 1]].map((other) => (other === undefined ? 0 : commonPrefix(stem, other))));
    const begin = Math.min(cutBack(stem, shared), cutBack(stem, stem.length - 1));
    if (after !== "" || begin > 0) parts.set(name, { before: name.slice(0, begin), own: stem.slice(begin), after });
  });
  return parts;
}

// The name where there is room for a word or two: "ip-10-0-12-133.eu.example.org" is "…12-133" among its like.
export function shortName(name: string, parts: NameParts | undefined): string {
  if (parts === undefined) return name;
  const last = /[^-._]*[-._]$/.exec(parts.before)?.[0] ?? "";
  return `${last.length < parts.before.length ? "…" : ""}${last}${parts.own}`;
}
