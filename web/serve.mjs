// dist/ before a running server: the page as it was just built, with all else from `RESMON_URL`. For work on the page, without building
// the server again for each change.
//
//   RESMON_URL=http://127.0.0.1:7412 node serve.mjs [PORT]      # 7501

import { createServer, request as ask } from "node:http";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const kDist = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "dist");
const kTypes = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json" };

export function servePage(url, port, folder = kDist) {
  const { hostname, port: upstream } = new URL(url);
  // Host and Origin stay as they came: the server compares them with each other.
  const pass = (incoming) => ask({ hostname, port: upstream, method: incoming.method, path: incoming.url, headers: incoming.headers });
  const server = createServer((incoming, outgoing) => {
    const name = incoming.url === "/" ? "index.html" : incoming.url.slice(1);
    if (incoming.method === "GET" && readdirSync(folder).includes(name)) {
      outgoing.writeHead(200, { "Content-Type": kTypes[path.extname(name)] ?? "application/octet-stream", "Cache-Control": "no-store" });
      return outgoing.end(readFileSync(path.join(folder, name)));
    }
    const through = pass(incoming);
    through.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    through.on("error", () => outgoing.destroy());
    outgoing.on("close", () => through.destroy());
    incoming.pipe(through);
  });
  server.on("upgrade", (incoming, socket, head) => {
    const through = pass(incoming);
    socket.on("error", () => through.destroy());
    through.on("error", () => socket.destroy());
    through.on("response", () => socket.destroy());
    through.on("upgrade", (answer, other, first) => {
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
      socket.write(first);
      other.write(head);
      other.on("error", () => socket.destroy());
      other.pipe(socket).pipe(other);
    });
    through.end();
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}

if (process.argv[1]?.endsWith("serve.mjs")) {
  const port = Number(process.argv[2] ?? 7501);
  await servePage(process.env.RESMON_URL ?? "http://127.0.0.1:7412", port);
  console.log(`http://127.0.0.1:${port}`);
}
