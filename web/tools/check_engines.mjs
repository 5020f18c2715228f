// Fails when a locked package does not run on Debian 12's nodejs 18, or when the lock file names where packages came from.

import { readFile } from "node:fs/promises";

const text = await readFile(new URL("../package-lock.json", import.meta.url), "utf8");
const bad = [];
if (text.includes('"resolved"')) {
  bad.push("the lock file names download addresses");
}
for (const [name, entry] of Object.entries(JSON.parse(text).packages)) {
  const wanted = entry.engines?.node;
  if (wanted === undefined) continue;
  // The ranges in use are all of the form ">=N", alternatives apart.
  const fits = wanted.split("||").some((range) => {
    const minimum = /^\s*(?:>=|\^)\s*(\d+)/.exec(range);
    return minimum !== null && Number(minimum[1]) <= 18 && (!range.includes("^") || Number(minimum[1]) === 18);
  });
  if (!fits) bad.push(`${name || "resmon-web"} wants node ${wanted}`);
}
for (const one of bad) console.error(one);
process.exitCode = bad.length > 0 ? 1 : 0;
