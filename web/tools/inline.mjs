// What stands in the page itself, as Content-Security-Policy allows it: by its hash. Nothing else in a page may run or style it.

import { createHash } from "node:crypto";

const hashesOf = (html, element) =>
  [...html.matchAll(new RegExp(`<${element}[^>]*>([^]*?)</${element}>`, "g"))].map((found) => found[1]).filter((text) => text !== "")
    .map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`).join(" ");

export const inlineSources = (html) => ({ script: hashesOf(html, "script"), style: hashesOf(html, "style") });
