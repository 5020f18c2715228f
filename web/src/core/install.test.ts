import assert from "node:assert/strict";
import { test } from "node:test";
import { installLines } from "./install.ts";

const made = { host: "web1", token: "rsm_abc", address: "0.0.0.0:7411", tls: true, page: "https://monitor.example.org:7412", downloads: ["resmon-client.sh"] };

test("with downloads it is one line", () => {
  const [line, ...others] = installLines(made);
  assert.equal(others.length, 0);
  assert.ok(line?.text.includes("--server monitor.example.org:7411 --name web1 ") === true && !line.text.includes("--plaintext"));
  assert.ok(line?.note?.includes("--ca-file") === true);
  assert.ok(installLines({ ...made, tls: false })[0]?.text.endsWith(" --plaintext") === true);
});

test("without them there are the ways that need none; a server of its own machine is opened first", () => {
  assert.equal(installLines({ ...made, downloads: [] }).length, 3);
  const closed = installLines({ ...made, address: "127.0.0.1:7411" });
  assert.ok(closed[0]?.text.startsWith("./resmon configure --tls monitor.example.org --tcp-address 0.0.0.0:7411") === true);
  assert.equal(installLines({ ...made, address: "127.0.0.1:7411", page: "http://localhost:7412" }).length, 1);
});

test("a name cannot break out of its line", () => {
  const [line] = installLines({ ...made, host: "a'; rm -rf /" });
  assert.ok(line?.text.includes("--name 'a'\\''; rm -rf /' ") === true, line?.text ?? "");
});
