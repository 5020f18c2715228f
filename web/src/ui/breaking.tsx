// Where a long text may break: a browser breaks words at hyphens, and names without blanks in the middle of a word.

import type { ComponentChildren } from "preact";

// A name, path or expression breaks behind its dividers.
export const breakable = (text: string): ComponentChildren =>
  text.split(/(?<=[./,|{(])(?=\S)/).map((part, at) => (at === 0 ? part : <><wbr />{part}</>));

// A command breaks between its words alone.
export const unbroken = (command: string): ComponentChildren =>
  command.split(" ").map((word, at) => <>{at > 0 && " "}<span class="nowrap">{word}</span></>);
