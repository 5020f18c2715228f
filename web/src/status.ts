// The guest page's only script: every half minute, while it is looked at, the table is replaced by a newer one.

const kEveryMs = 30_000;

async function renew(): Promise<void> {
  if (document.visibilityState !== "visible") return;
  const answer = await fetch(location.href);
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [now, newer] = [document.querySelector("main"), next.querySelector("main")];
  if (!answer.ok || now === null || newer === null) return;
  document.title = next.title;
  now.replaceChildren(...newer.childNodes);
}

// Without an answer the page keeps what it has, with the time at which it was right.
const renewSoon = (): void => void renew().catch(() => undefined);
setInterval(renewSoon, kEveryMs);
document.addEventListener("visibilitychange", renewSoon);

export {};
