// A host's state as a shape, a colour and a word: any one of the three is enough to read it.

import type { HostState } from "../core/hosts.ts";

const kWords: Record<HostState, string> = { up: "Up", late: "Late", down: "Down" };

// `since`: for how long, in words; only what is not up has it said.
export function StateMark({ state, since }: { state: HostState; since?: string }) {
  return (
    <span class={`state state-${state}`}>
      <span class="state-word">{kWords[state]}{since !== undefined && <span class="state-since"> {since}</span>}</span>
    </span>
  );
}
