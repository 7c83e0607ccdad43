import { createReadStream, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { basename, join } from "node:path";

/** Parts of files, as updates that are read over the network need them (RFC 9110, section 14). */
export async function serve(folder: string): Promise<{ server: Server; port: number; sent: () => number }> {
  let sent = 0;
  const server = createServer((request, response) => {
    const path = join(folder, basename(request.url ?? ""));
    const { size } = statSync(path);
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const range = from === undefined ? undefined : { start: Number(from), end: to ? Number(to) : size - 1 };
    const length = range === undefined ? size : range.end - range.start + 1;
    response.writeHead(range === undefined ? 200 : 206, {
      "content-length": length,
      "accept-ranges": "bytes",
      ...(range === undefined ? {} : { "content-range": `bytes ${range.start}-${range.end}/${size}` }),
    });
    if (request.method === "HEAD") response.end();
    else
      createReadStream(path, range)
        .on("data", (bytes) => (sent += bytes.length))
        .pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  return { server, port: address !== null && typeof address !== "string" ? address.port : 0, sent: () => sent };
}
