// What the person asked in this page. A query that came with a link waits to be run: whoever made the link must not have the reader's
// browser ask for years of everything, in the reader's name, before the reader has seen it.

import type { ExploreRoute } from "../core/route.ts";
import { go } from "./navigation.ts";

const kMostAsked = 500;
const asked = new Set<string>();

export const wasAsked = (query: string): boolean => asked.has(query);

export function ask(next: ExploreRoute): void {
  if (asked.size >= kMostAsked) asked.clear();
  asked.add(next.query);
  go(next);
}
