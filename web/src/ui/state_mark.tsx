// A host's state as a shape, a colour and a word: any one of the three is enough to read it.

import type { HostState } from "../core/hosts.ts";

const kWords: Record<HostState, string> = { up: "Up", late: "Late", down: "Down" };

// `since`: for how long, in words; only what is not up has it said.
export function StateMark({ state, since }: { state: HostState; since?: string }) {
  return (
    <span class={`state state-${state}`}>
      <svg class="state-shape" viewBox="0 0 12 12" aria-hidden="true">
        {state === "up" && <circle cx="6" cy="6" r="4.5" />}
        {state === "late" && <path d="M6 1 11.5 11H.5Z" />}
        {state === "down" && <path d="M2 2 10 10M10 2 2 10" class="stroked" />}
      </svg>
      <span class="state-word">{kWords[state]}{since !== undefined && <span class="state-since"> {since}</span>}</span>
    </span>
  );
}
