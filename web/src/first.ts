// The first script, a few hundred bytes. It asks for the hosts before the page's own script is read, which the page then takes over
// (net/session.ts), and has that script read after the browser has shown the head of the page: it would otherwise be read first.

import { kHostsPath, kTokenKey, leaveEarly } from "./core/early.ts";

const kTimeoutMs = 10_000;

function stored(): string | null {
  try {
    return sessionStorage.getItem(kTokenKey);
  } catch {
    return null;  // storage switched off
  }
}

const token = stored();
const hosts = fetch(kHostsPath, {
  headers: token === null ? {} : { Authorization: `Bearer ${token}` }, credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(kTimeoutMs),
});
hosts.catch(() => undefined);  // the page asks again
leaveEarly({ token, hosts });

const page = document.currentScript?.dataset["page"] ?? "";
const read = (): void => void import(page);
// A tab in the background gets no frames.
if (document.visibilityState === "visible") requestAnimationFrame(() => setTimeout(read));
else read();
