// The first script, a few hundred bytes in the page itself. It asks for the hosts before the page's own script is read, which the page then takes
// over (net/live.ts), and has that script read after the browser has shown the head of the page: it would otherwise be read first. A view of
// charts asks for its charts first, and for the hosts after them; those of a host are asked for by a script (ask.ts) that waits for no view's.

import { isCharted, isHost, kHostsPath, kTokenKey, leaveEarly } from "./core/early.ts";

const kTimeoutMs = 10_000;

function stored(): string | null {
  try {
    return sessionStorage.getItem(kTokenKey);
  } catch {
    return null;  // storage switched off
  }
}

const { ask = "", page = "", charts = "" } = document.currentScript?.dataset ?? {};
const charted = isCharted(location.hash);
if (!charted) {
  const token = stored();
  leaveEarly(token, fetch(kHostsPath, {
    headers: token === null ? {} : { Authorization: `Bearer ${token}` }, credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(kTimeoutMs),
  }));
}
for (const href of charted ? charts.split(" ") : []) {
  const link = document.createElement("link");
  link.rel = "modulepreload";
  link.href = href;
  document.head.append(link);
}
if (isHost(location.hash)) void import(ask);
const read = (): void => void import(page);
// A tab in the background gets no frames. Charts take longer than a frame to come.
if (document.visibilityState === "visible" && !charted) requestAnimationFrame(() => setTimeout(read));
else read();
