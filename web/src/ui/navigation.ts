import { Observable } from "../core/observable.ts";
import { formatRoute, parseRoute, type Route } from "../core/route.ts";

export const route = new Observable<Route>(parseRoute(location.hash));

addEventListener("hashchange", () => route.set(parseRoute(location.hash)));

// A new place in the browser's history.
export function go(next: Route): void {
  const hash = formatRoute(next);
  if (hash !== location.hash) history.pushState(null, "", hash);
  route.set(next);
}

// The same place, differently shown (typing in the search box): Back must not have to undo every letter.
export function refine(next: Route): void {
  history.replaceState(null, "", formatRoute(next));
  route.set(next);
}

