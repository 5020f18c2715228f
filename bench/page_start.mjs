// What the benchmarks of the page have in common: options, the programs with simulated clients, and a browser.

import { launch } from "../tests/browser/browser.mjs";
import { startPrograms, until } from "../tests/browser/programs.mjs";

// The number after --NAME.
export function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

export const kJson = process.argv.includes("--json");
export const progress = (text) => process.stderr.write(`bench page: ${text}\n`);

// `measure(browser, programs)` with `hosts` clients that report every `interval` ("5s") and are up; `before(programs)` comes before them. All of
// it ends with the measurement.
export async function withClients(hosts, interval, measure, before = async () => {}) {
  const programs = await startPrograms();
  let browser = null;
  try {
    await before(programs);
    programs.startLoad(hosts, interval);
    await until("all clients are up", async () => {
      const answer = await (await fetch(`${programs.url}/api/v1/hosts`)).json();
      return answer.hosts.filter((host) => host.up && host.summary.cpu_percent !== null).length >= hosts;
    });
    browser = await launch();
    await measure(browser, programs);
  } finally {
    await browser?.close();
    await programs.close();
  }
}
