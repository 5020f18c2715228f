// The live feed: one GET of the hosts, which shows something at once and learns whether a token is asked for (a browser hides
// the status of a refused WebSocket), then the WebSocket for what changed since. A lost connection is tried again with growing, jittered
// pauses; coming back to the tab or back on line tries at once. A connection that has gone silent is checked with a GET,
// because a half-open TCP connection never reports an error by itself. Where GETs are answered and WebSockets never open (a proxy
// that does not pass them on), the page polls, and tries a WebSocket again once a minute.

import { t } from "../core/texts.ts";
import { kHostsPath, parsed, takeEarly } from "../core/early.ts";
import { applyFeed, decodeFeed, type Feed, type Fleet } from "../core/hosts.ts";
import { Observable } from "../core/observable.ts";
import type { OwnThresholds } from "../core/thresholds.ts";
import { afterFrame } from "./after_frame.ts";
import { admitted, AuthRequired, currentToken, request, signIn } from "./session.ts";

export type Connection =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "polling" }  // figures are new, by GETs: no WebSocket gets through
  | { kind: "lost"; since: number; retryAt: number; reason: string };

export const connection = new Observable<Connection>({ kind: "connecting" });
export const fleet = new Observable<Fleet>(new Map());
// Of the whole fleet, as its administrators set them.
export const fleetThresholds = new Observable<OwnThresholds>({});
export const loaded = new Observable(false);
// Which other server does not answer, and why; empty: all do.
export const partial = new Observable("");

const kFirstPauseMs = 500;
const kLongestPauseMs = 15_000;
const kSilenceMs = 20_000;
const kTimeoutMs = 10_000;
// So many WebSockets in a row that closed before their first message mean that none gets through.
const kRefusedBeforePolling = 2;
const kPollMs = 5_000;
const kPollsBetweenSockets = 12;
// The close code of a server that no longer knows who is asking. The next attempt's GET learns it too, and shows the sign-in form;
// so the first one follows at once.
const kNoLongerWelcome = 1008;

let clockOffset = 0;
// Now by the server's clock: ages and chart windows must not depend on the viewer's clock being right.
export const serverNow = (): number => Date.now() + clockOffset;

export type FeedListener = (feed: Feed) => void;
const listeners = new Set<FeedListener>();
export function onFeed(listener: FeedListener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let socket: WebSocket | null = null;
let attempts = 0;
let generation = 0;
let socketsRefused = 0;
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let silenceTimer: ReturnType<typeof setTimeout> | undefined;
let lostSince: number | null = null;
let cursor = "";  // of the last GET, for the WebSocket that follows it

function take(message: unknown): boolean {
  const feed = decodeFeed(message);
  if (feed === null) return false;
  if (feed.kind !== "removed") {
    clockOffset = feed.serverTime - Date.now();
    if (feed.partial !== partial.value) partial.set(feed.partial);
    if (JSON.stringify(feed.thresholds) !== JSON.stringify(fleetThresholds.value)) fleetThresholds.set(feed.thresholds);
  }
  fleet.set(applyFeed(fleet.value, feed));
  if (feed.kind === "snapshot") {
    cursor = feed.cursor;
    loaded.set(true);
  }
  for (const listener of listeners) listener(feed);
  return true;
}

async function getHosts(): Promise<void> {
  const sent = currentToken();
  const ask = () => parsed(request(kHostsPath, { signal: AbortSignal.timeout(kTimeoutMs) }));
  const { response, body } = await (takeEarly(sent)?.catch(ask) ?? ask());
  if (!admitted(response, sent).ok) throw new Error(t("the server answered {status}", { status: response.status }));
  if (!take(body)) throw new Error(t("the server's list of hosts cannot be read"));
}

function watchSilence(mine: number): void {
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(() => {
    getHosts().then(
      () => mine === generation && watchSilence(mine),
      () => mine === generation && lose(t("the server does not answer")),
    );
  }, kSilenceMs);
}

function openSocket(mine: number): void {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const opened = new WebSocket(`${scheme}//${location.host}/api/v1/live${cursor === "" ? "" : `?since=${cursor}`}`);
  socket = opened;
  const opening = setTimeout(() => opened.close(), kTimeoutMs);
  let told = false;
  opened.onopen = () => {
    const token = currentToken();
    if (token !== null) opened.send(JSON.stringify({ token }));
    if (mine === generation) watchSilence(mine);
  };
  const received = (text: string): void => {
    if (mine !== generation) return;
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (!take(message)) return;
    watchSilence(mine);
    socketsRefused = 0;
    attempts = 0;
    lostSince = null;
    connection.set({ kind: "live" });
  };
  opened.onmessage = (event) => {
    clearTimeout(opening);
    told = true;
    const text = String(event.data);
    afterFrame(() => received(text));
  };
  opened.onclose = (event) => {
    clearTimeout(opening);
    if (mine !== generation) return;
    if (event.code === kNoLongerWelcome) return lose(t("the session has ended"), 0);
    // The hosts have just come by a GET, so it is not the server that is away.
    if (!told && ++socketsRefused >= kRefusedBeforePolling) poll(mine, kPollsBetweenSockets);
    else lose(t("the connection to the server was lost"));
  };
}

function poll(mine: number, left: number): void {
  lostSince = null;
  attempts = 0;
  connection.set({ kind: "polling" });
  retryTimer = setTimeout(() => {
    if (left === 0) return openSocket(mine);
    getHosts().then(
      () => mine === generation && poll(mine, left - 1),
      (error: unknown) => mine === generation && !(error instanceof AuthRequired) && lose(t("the server does not answer")),
    );
  }, kPollMs);
}

function lose(reason: string, firstPauseMs = kFirstPauseMs): void {
  stop();
  lostSince ??= Date.now();
  const longer = attempts === 0 ? firstPauseMs : kFirstPauseMs * 2 ** attempts;
  ++attempts;
  const pause = Math.min(kLongestPauseMs, longer) * (0.7 + 0.6 * Math.random());
  retryTimer = setTimeout(() => void connect(), pause);
  connection.set({ kind: "lost", since: lostSince, retryAt: Date.now() + pause, reason });
}

function stop(): void {
  ++generation;
  clearTimeout(retryTimer);
  clearTimeout(silenceTimer);
  const old = socket;
  socket = null;
  old?.close();
}

// Resolves when the hosts have come, or cannot be had now.
export function connect(): Promise<void> {
  stop();
  const mine = generation;
  return getHosts().then(
    () => {
      if (mine === generation) openSocket(mine);
    },
    (error: unknown) => {
      if (mine !== generation) return;
      // With the sign-in form on the screen there is nothing to retry: the token that is typed connects again.
      if (error instanceof AuthRequired) return;
      lose(error instanceof Error && error.name === "Error" ? error.message : t("the server cannot be reached"));
    },
  );
}

export function start(): Promise<void> {
  const retryNow = (): void => {
    if (connection.value.kind === "lost" && document.visibilityState === "visible") void connect();
  };
  addEventListener("online", retryNow);
  document.addEventListener("visibilitychange", retryNow);
  signIn.watch(() => {
    if (signIn.value === "not-needed") void connect();
  });
  return connect();
}
