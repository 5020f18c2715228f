// What /api/v1/server tells, checked number by number: servers differ in age, and a figure that is not there is a dash.

import type { Cell, StatementResult } from "./influx_response.ts";

type Json = Record<string, unknown>;
const isRecord = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const record = (value: unknown): Json => (isRecord(value) ? value : {});
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

export interface Tier {
  name: string;
  diskBytes: number | null;
  diskLimitBytes: number | null;
  rows: number | null;
  retainSeconds: number | null;
  oldest: number | null;  // ms since the epoch
}

export interface SinkState {
  name: string;
  state: string;
  lagSeconds: number | null;
  backlogEntries: number | null;
  sentSamples: number | null;
  refusedSamples: number | null;
  lostSamples: number | null;
  retries: number | null;
  serverVersion: string;
  lastError: string;
  failingSince: number | null;  // ms since the epoch; null: it is not
  lastRefusal: string;
}

// One that the server no longer found in its configuration when it started.
export interface RemovedSink {
  name: string;
  backlogEntries: number | null;
}

export interface ServerState {
  version: string;
  pid: number | null;
  uptimeSeconds: number | null;
  clients: number | null;
  maxClients: number | null;
  samples: number | null;
  receivedBytes: number | null;
  duplicateBatches: number | null;
  missingBatches: number | null;
  refusedConnections: number | null;
  listenAddress: string;
  listenTls: boolean;
  httpAddress: string;
  httpTls: boolean;
  requests: number | null;
  denied: number | null;
  failures: number | null;
  journalBytes: number | null;
  journalLimitBytes: number | null;
  journalTrouble: string;
  storeBacklog: number | null;  // batches
  storeLagSeconds: number | null;
  skewedClients: number | null;
  rateLimited: number | null;
  store: {
    directory: string;
    trouble: string;
    series: number | null;
    chunks: number | null;
    headRows: number | null;
    diskBytes: number | null;
    diskLimitBytes: number | null;
    refusedSamples: number | null;
    damagedChunks: number | null;
    missingSamples: number | null;
    missingFrom: number | null; // milliseconds since 1970, as the next
    missingTo: number | null;
    evictedChunks: number | null;
    tiers: Tier[];
  };
  sinks: SinkState[];
  removedSinks: RemovedSink[];
}

// Null: not a resmon server's answer.
export function decodeServer(body: unknown): ServerState | null {
  if (!isRecord(body) || typeof body["version"] !== "string") return null;
  const ingest = record(body["ingest"]);
  const http = record(body["http"]);
  const journal = record(body["journal"] ?? body["log"]);
  const store = record(body["store"]);
  const list = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isRecord) : []);
  const tiers = list(store["tiers"]).map((tier): Tier => ({
    name: text(tier["name"]),
    diskBytes: number(tier["disk_bytes"]),
    diskLimitBytes: number(tier["disk_limit_bytes"]),
    rows: number(tier["rows"]),
    retainSeconds: number(tier["retain_seconds"]),
    oldest: number(tier["oldest"]),
  }));
  // A store without tiers is one tier.
  const whole: Tier = {
    name: "raw", diskBytes: number(store["disk_bytes"]), diskLimitBytes: number(store["disk_limit_bytes"]), rows: null,
    retainSeconds: number(store["retain_seconds"]), oldest: null,
  };
  return {
    version: text(body["version"]),
    pid: number(body["pid"]),
    uptimeSeconds: number(body["uptime_seconds"]),
    clients: number(ingest["clients"] ?? body["clients"]),
    maxClients: number(ingest["max_clients"]),
    samples: number(ingest["samples"] ?? body["received_samples"]),
    receivedBytes: number(ingest["received_bytes"]),
    duplicateBatches: number(ingest["duplicate_batches"]),
    missingBatches: number(ingest["missing_batches"]),
    refusedConnections: number(ingest["refused_connections"]),
    listenAddress: text(ingest["address"]),
    listenTls: ingest["tls"] === true,
    httpAddress: text(http["address"]),
    httpTls: http["tls"] === true,
    requests: number(http["requests"]),
    denied: number(http["denied"]),
    failures: number(http["failures"]),
    journalBytes: number(journal["bytes"] ?? journal["disk_bytes"]),
    journalLimitBytes: number(journal["limit_bytes"]),
    journalTrouble: text(journal["trouble"]),
    storeBacklog: number(store["backlog_entries"]),
    storeLagSeconds: number(store["lag_seconds"]),
    skewedClients: number(ingest["skewed_clients"]),
    rateLimited: number(ingest["rate_limited"]),
    store: {
      directory: text(store["directory"]),
      trouble: text(store["trouble"]),
      series: number(store["groups"]),
      chunks: number(store["chunks"]),
      headRows: number(store["head_rows"]),
      diskBytes: number(store["disk_bytes"]),
      diskLimitBytes: number(store["disk_limit_bytes"]),
      refusedSamples: number(store["refused_samples"]),
      damagedChunks: number(store["damaged_chunks"]),
      missingSamples: number(store["missing_samples"]),
      missingFrom: number(store["missing_from"]),
      missingTo: number(store["missing_to"]),
      evictedChunks: number(store["evicted_chunks"]),
      tiers: tiers.length > 0 ? tiers : [whole],
    },
    sinks: list(body["sinks"]).map((sink) => ({
      name: text(sink["name"]),
      state: text(sink["state"]),
      lagSeconds: number(sink["lag_seconds"]),
      backlogEntries: number(sink["backlog_entries"]),
      sentSamples: number(sink["sent_samples"]),
      refusedSamples: number(sink["refused_samples"]),
      lostSamples: number(sink["lost_samples"]),
      retries: number(sink["retries"]),
      serverVersion: text(sink["server_version"]),
      lastError: text(sink["last_error"]),
      failingSince: number(sink["failing_since"]),
      lastRefusal: text(sink["last_refusal"]),
    })),
    removedSinks: list(body["removed_sinks"]).map((sink) => ({ name: text(sink["name"]), backlogEntries: number(sink["backlog_entries"]) })),
  };
}

export interface LogLine {
  sequence: number;
  time: number;
  level: string;
  component: string;
  text: string;
}

export function decodeLog(body: unknown): LogLine[] {
  const lines = record(body)["lines"];
  return (Array.isArray(lines) ? lines.filter(isRecord) : []).map((line) => ({
    sequence: number(line["sequence"]) ?? 0,
    time: number(line["time"]) ?? 0,
    level: text(line["level"]),
    component: text(line["component"]),
    text: text(line["text"]),
  }));
}

export interface Reading {
  at: number;
  samples: number | null;
  bytes: number | null;
  requests: number | null;
  backlog: number | null;
}

const kFineMs = 60_000;
const kCoarseMs = 9_500;  // not 10 s: a reading that comes a little early must not cost the one after
export const kReadingsMs = 30 * 60_000;

// The readings of the last half hour: of the last minute all, before that one in ten seconds, as the server itself writes them.
export function thinned(readings: readonly Reading[]): Reading[] {
  const now = readings.at(-1)?.at ?? 0;
  let last = -Infinity;
  return readings.filter((one) => {
    if (one.at < now - kReadingsMs || one.at - last < (one.at < now - kFineMs ? kCoarseMs : 0)) return false;
    last = one.at;
    return true;
  });
}

// What the server wrote of itself (server.report_interval), as readings. Nothing where several servers share a store: which of them
// this one is, the rows do not say.
export function decodeHistory(result: StatementResult | undefined): Reading[] {
  const [series, ...others] = result?.series ?? [];
  if (series === undefined || others.length > 0) return [];
  const at = (row: readonly Cell[], column: string): number | null => number(row[series.columns.indexOf(column)]);
  return series.values.map((row) => ({
    at: at(row, "time") ?? 0, samples: at(row, "samples"), bytes: at(row, "received_bytes"), requests: at(row, "http_requests"),
    backlog: at(row, "store_backlog_entries"),
  }));
}

// Change per second over the last `spanMs` before each reading; null while there is no such span yet, and where a counter began anew
// in it. A span rather than the last step: clients send in step with the clock, so that two seconds hold now all of them and now none.
export function ratesOf(readings: readonly Reading[], of: (reading: Reading) => number | null, spanMs = 10_000): (number | null)[] {
  return readings.map((reading, index) => {
    const before = readings.slice(0, index).findLast((one) => reading.at - one.at >= spanMs - 500);
    const [now, then] = [of(reading), before === undefined ? null : of(before)];
    const between = readings.slice(readings.indexOf(before ?? reading), index + 1).map(of);
    const grows = between.every((value, at) => at === 0 || value === null || value >= (between[at - 1] ?? 0));
    if (before === undefined || now === null || then === null || !grows || reading.at - before.at > 3 * spanMs) return null;
    return ((now - then) * 1000) / (reading.at - before.at);
  });
}
