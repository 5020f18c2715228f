// The hosts as the server tells them, checked field by field: any number may be missing, and a page that shows a dash is better
// than a page that stops.

import { matchesFact, type FactsOf } from "./facts.ts";
import { checkThresholds, type OwnThresholds } from "./thresholds.ts";
import { kHeatKeys, type HeatKey, type SortKey } from "./route.ts";

// paused: people want its silence; then nothing else is said of its state.
export type HostState = "up" | "late" | "down" | "paused";

// What the page shows as a host's state: each host has one, so counts by it add up. What is down is in trouble, too, and says so by being down.
export type ShownState = HostState | "trouble";
export type InTrouble = (host: string) => boolean;
const kNobody: InTrouble = () => false;
export const shownState = (host: Host, inTrouble: InTrouble): ShownState =>
  (host.state === "up" || host.state === "late") && inTrouble(host.host) ? "trouble" : host.state;

export interface Summary {
  cpu_percent: number | null;
  memory_percent: number | null;
  swap_percent: number | null;
  disk_percent: number | null;
  disk_path: string | null;
  network_receive_bytes_per_second: number | null;
  network_send_bytes_per_second: number | null;
  pressure_percent: number | null;
  pressure_resource: string | null;
  load1: number | null;
  n_cpus: number | null;
  uptime_seconds: number | null;
}

export interface Host {
  host: string;
  label: string;  // the name that people gave it, else `host`
  note: string;
  ownTags: Record<string, string>;  // people's; they are among `tags`, too
  limits: OwnThresholds;
  state: HostState;
  last_seen: number;  // ms since the epoch by the server's clock
  first_seen: number | null;
  connected_since: number;  // ms since the epoch; 0: not since the server started
  address: string;
  version: string;
  interval_seconds: number;
  tags: Record<string, string>;
  backlog_samples: number;
  dropped_samples: number;  // by the client's bounded spool
  refused_samples: number;  // by the server, since it started
  last_refusal: string;     // why the last of them were; empty: none were
  received_samples: number;
  server: string;       // the other server that has it; empty: the one that is asked
  server_away: boolean; // that does not answer: this is what it said last
  also_on: string;      // another server on which a client of this name is at work; empty: none
  summary: Summary;
}

type Json = Record<string, unknown>;

const isRecord = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const numberOr = <T>(value: unknown, otherwise: T): number | T =>
  typeof value === "number" && Number.isFinite(value) ? value : otherwise;
const textOr = <T>(value: unknown, otherwise: T): string | T => (typeof value === "string" ? value : otherwise);

function decodeHost(value: unknown, serverTime: number): Host | null {
  if (!isRecord(value) || typeof value["host"] !== "string" || value["host"] === "") return null;
  const given = isRecord(value["summary"]) ? value["summary"] : {};
  const tags: Record<string, string> = {};
  if (isRecord(value["tags"])) {
    for (const [key, tag] of Object.entries(value["tags"])) tags[key] = String(tag);
  }
  const settings = isRecord(value["settings"]) ? value["settings"] : {};
  const ownTags: Record<string, string> = {};
  for (const [key, tag] of Object.entries(isRecord(settings["tags"]) ? settings["tags"] : {})) tags[key] = ownTags[key] = String(tag);
  const state = value["state"];
  return {
    host: value["host"],
    label: textOr(settings["name"], value["host"]),
    note: textOr(settings["note"], ""),
    ownTags,
    limits: checkThresholds(settings["thresholds"]),
    state: settings["paused"] === true ? "paused" : state === "up" || state === "late" || state === "down" ? state : value["up"] === true ? "up" : "down",
    last_seen: numberOr(value["last_seen"], serverTime - 1000 * numberOr(value["last_seen_seconds"], 0)),
    first_seen: numberOr(value["first_seen"], null),
    connected_since: numberOr(value["connected_since"], 0),
    address: textOr(value["address"], ""),
    version: textOr(value["version"], ""),
    interval_seconds: numberOr(value["interval_seconds"], 0) || 5,  // 0: the client has not said it yet
    tags,
    backlog_samples: numberOr(value["backlog_samples"], 0),
    dropped_samples: numberOr(value["dropped_samples"], 0),
    refused_samples: numberOr(value["refused_samples"], 0),
    last_refusal: textOr(value["last_refusal"], ""),
    received_samples: numberOr(value["received_samples"], 0),
    server: textOr(value["server"], ""),
    server_away: value["server_away"] === true,
    also_on: textOr(value["also_on"], ""),
    summary: {
      cpu_percent: numberOr(given["cpu_percent"], null),
      memory_percent: numberOr(given["memory_percent"], null),
      swap_percent: numberOr(given["swap_percent"], null),
      disk_percent: numberOr(given["disk_percent"], null),
      disk_path: textOr(given["disk_path"], null),
      network_receive_bytes_per_second: numberOr(given["network_receive_bytes_per_second"], null),
      network_send_bytes_per_second: numberOr(given["network_send_bytes_per_second"], null),
      pressure_percent: numberOr(given["pressure_percent"], null),
      pressure_resource: textOr(given["pressure_resource"], null),
      load1: numberOr(given["load1"], null),
      n_cpus: numberOr(given["n_cpus"], null),
      uptime_seconds: numberOr(given["uptime_seconds"], null),
    },
  };
}

export type Feed =
  // `partial`: which other server does not answer, and why; empty: all do. `cursor`: from where the live feed may go on; empty: from the begin.
  | { kind: "snapshot" | "update"; serverTime: number; hosts: Host[]; thresholds: OwnThresholds; partial: string; cursor: string }
  | { kind: "removed"; names: string[] };

// A message of the live feed, or the body of /api/v1/hosts (which has no type and is a snapshot). Null: not one of ours.
export function decodeFeed(message: unknown): Feed | null {
  if (!isRecord(message) || !Array.isArray(message["hosts"])) return null;
  const type = message["type"] ?? "snapshot";
  if (type === "removed") {
    return { kind: "removed", names: message["hosts"].filter((name): name is string => typeof name === "string") };
  }
  if (type !== "snapshot" && type !== "update") return null;
  const serverTime = numberOr(message["server_time"], Date.now());
  const hosts = message["hosts"].map((one) => decodeHost(one, serverTime)).filter((one): one is Host => one !== null);
  return { kind: type, serverTime, hosts, thresholds: checkThresholds(message["thresholds"]), partial: textOr(message["partial"], ""), cursor: textOr(message["cursor"], "") };
}

export type Fleet = ReadonlyMap<string, Host>;

// A host that an update does not change keeps its object, which is how a row knows that it need not be drawn again.
export function applyFeed(fleet: Fleet, feed: Feed): Fleet {
  if (feed.kind === "snapshot") return new Map(feed.hosts.map((host) => [host.host, host]));
  const next = new Map(fleet);
  if (feed.kind === "removed") {
    for (const name of feed.names) next.delete(name);
  } else {
    for (const host of feed.hosts) next.set(host.host, host);
  }
  return next;
}

// The numbers that a search may compare (`disk>90`) and the heat view may show.
export function measure(host: Host, key: HeatKey): number | null {
  const summary = host.summary;
  switch (key) {
    case "cpu":
      return summary.cpu_percent;
    case "memory":
      return summary.memory_percent;
    case "swap":
      return summary.swap_percent;
    case "disk":
      return summary.disk_percent;
    case "load":
      return loadPerCore(host);
    case "pressure":
      return summary.pressure_percent;
  }
}

// The words of a search; a part in double quotes may hold spaces (`site:"new york"`).
export function searchWords(search: string): string[] {
  return (search.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? []).map((word) => word.replaceAll('"', "")).filter((word) => word !== "");
}

const quoted = (word: string): string => (/\s/.test(word) ? word.replace(/^([^:]*:)?(.*)$/, '$1"$2"') : word);

// The search with `word` taken out where it is in, and added where it is not.
export function toggleWord(search: string, word: string): string {
  const words = searchWords(search);
  const rest = words.filter((one) => one.toLowerCase() !== word.toLowerCase());
  return (rest.length < words.length ? rest : [...words, word]).map(quoted).join(" ");
}

export const hasWord = (search: string, word: string): boolean =>
  searchWords(search).some((one) => one.toLowerCase() === word.toLowerCase());

function matchesWord(host: Host, word: string, facts: FactsOf, inTrouble: InTrouble): boolean {
  const compared = /^([a-z]+)([<>])(\d+(?:\.\d+)?)$/.exec(word);
  const key = kHeatKeys.find((one) => one === compared?.[1] || (one === "memory" && compared?.[1] === "mem"));
  if (compared !== null && key !== undefined) {
    const value = measure(host, key);
    return value !== null && (compared[2] === ">" ? value > Number(compared[3]) : value < Number(compared[3]));
  }
  const colon = word.indexOf(":");
  if (colon > 0) {
    const name = word.slice(0, colon);
    const value = word.slice(colon + 1);
    if (name === "state") {
      const shown = shownState(host, inTrouble);
      return value.split(",").some((one) => shown.startsWith(one));
    }
    if (name === "version") return host.version.toLowerCase().startsWith(value);
    if (name === "host") return value.split(",").includes(host.host.toLowerCase());
    const tag = Object.entries(host.tags).find(([one]) => one.toLowerCase() === name);
    if (tag !== undefined) return tag[1].toLowerCase().includes(value);
  }
  const fact = matchesFact(facts.get(host.host), word);
  if (fact !== null) return fact;
  return (
    host.host.toLowerCase().includes(word) ||
    host.label.toLowerCase().includes(word) ||
    host.note.toLowerCase().includes(word) ||
    host.address.toLowerCase().includes(word) ||
    Object.entries(host.tags).some(([name, value]) => `${name}:${value}`.toLowerCase().includes(word))
  );
}

// Words must all match; `key:value` matches a tag, `state:`, `version:` or names (`host:a,b`); `disk>90` compares; `-word` excludes; anything else is
// looked for in name, address, tags, and people's name and note. The server reads the same language (lib/fleet/search.h), but for the words about what hosts are
// (facts.ts), `state:trouble` and lists of states (`state:down,trouble`), which it does not know. The search is read once, and not for every host.
export function matcher(search: string, facts: FactsOf = kNoFacts, inTrouble: InTrouble = kNobody): (host: Host) => boolean {
  const words = searchWords(search.toLowerCase());
  return (host) =>
    words.every((word) => (word.length > 1 && word.startsWith("-") ? !matchesWord(host, word.slice(1), facts, inTrouble) : matchesWord(host, word, facts, inTrouble)));
}

const kNoFacts: FactsOf = new Map();

export interface TagValues {
  key: string;
  values: { value: string; hosts: number }[];  // most hosts first
}

// What there is to filter and to group by.
export function tagsOf(hosts: Iterable<Host>): TagValues[] {
  const found = new Map<string, Map<string, number>>();
  for (const host of hosts) {
    for (const [key, value] of Object.entries(host.tags)) {
      const values = found.get(key) ?? new Map<string, number>();
      found.set(key, values.set(value, (values.get(value) ?? 0) + 1));
    }
  }
  return [...found]
    .map(([key, values]) => ({
      key,
      values: [...values].map(([value, count]) => ({ value, hosts: count })).sort((a, b) => b.hosts - a.hosts || kCollator.compare(a.value, b.value)),
    }))
    .sort((a, b) => kCollator.compare(a.key, b.key));
}

export interface Group {
  name: string;
  hosts: Host[];
}

// The hosts, in their order, gathered by a tag (or state, or version); groups with trouble first, then by name.
export function groupHosts(hosts: readonly Host[], by: string, inTrouble: InTrouble = kNobody): Group[] {
  const groups = new Map<string, Host[]>();
  for (const host of hosts) {
    const name = by === "state" ? shownState(host, inTrouble) : by === "version" ? host.version : host.tags[by] ?? "";
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [host]);
    else group.push(host);
  }
  const rank = (name: string): number => (by === "state" ? kStateRank[name as ShownState] : name === "" ? 1 : 0);
  return [...groups]
    .map(([name, members]) => ({ name, hosts: members }))
    .sort((a, b) => rank(a.name) - rank(b.name) || kCollator.compare(a.name, b.name));
}

const kStateRank: Record<ShownState, number> = { down: 0, trouble: 1, late: 2, up: 3, paused: 4 };
const kCollator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function sortValue(host: Host, key: SortKey, inTrouble: InTrouble): number | string | null {
  const summary = host.summary;
  switch (key) {
    case "state":
      return kStateRank[shownState(host, inTrouble)];
    case "host":
      return host.label;
    case "version":
      return host.version === "" ? null : host.version;
    case "receive":
      return summary.network_receive_bytes_per_second;
    case "send":
      return summary.network_send_bytes_per_second;
    case "load":
      return measure(host, key) ?? summary.load1;
    case "uptime":
      return summary.uptime_seconds;
    case "seen":
      return -host.last_seen;
    default:
      return measure(host, key);
  }
}

export function loadPerCore(host: Host): number | null {
  const { load1, n_cpus } = host.summary;
  return load1 === null || n_cpus === null || n_cpus <= 0 ? null : load1 / n_cpus;
}

// The place of each name in their order, kept while no name is new: to compare two names by the rules of a language takes a microsecond, and a
// thousand hosts are ordered every two seconds.
let ranks = new Map<string, number>();

function ranksOf(hosts: readonly Host[]): ReadonlyMap<string, number> {
  if (hosts.some((host) => !ranks.has(host.host) || !ranks.has(host.label))) {
    const names = [...new Set(hosts.flatMap((host) => [host.host, host.label]))].sort(kCollator.compare);
    ranks = new Map();
    let rank = 0;
    names.forEach((name, at) => {
      if (at > 0 && kCollator.compare(names[at - 1] ?? "", name) !== 0) ++rank;
      ranks.set(name, rank);
    });
  }
  return ranks;
}

// Unknown values come last in both directions; equal ones are ordered by name, so rows do not dance.
export function sortHosts(hosts: readonly Host[], key: SortKey, descending: boolean, inTrouble: InTrouble = kNobody): Host[] {
  const direction = descending ? -1 : 1;
  const places = ranksOf(hosts);
  const place = (name: string): number => places.get(name) ?? 0;
  return hosts
    .map((host) => ({ host, value: key === "host" ? place(host.label) : sortValue(host, key, inTrouble) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null) {
        if (a.value !== b.value) return a.value === null ? 1 : -1;
      } else {
        const order =
          typeof a.value === "string" || typeof b.value === "string"
            ? kCollator.compare(String(a.value), String(b.value))
            : a.value - b.value;
        if (order !== 0) return order * direction;
      }
      return place(a.host.host) - place(b.host.host);
    })
    .map((one) => one.host);
}
