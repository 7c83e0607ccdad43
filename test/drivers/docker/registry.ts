import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";

/** What a registry may do wrong, by the name of the image that is asked of it. */
export type Fault = "silent" | "other-digest" | "short-layer" | "long-layer" | "wrong-size" | "refuses";

export interface Registry {
  /** `127.0.0.1:PORT/FAULT`: engines take loopback without TLS. */
  image(fault: Fault): string;
  close(): Promise<void>;
}

const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG = Buffer.from(
  JSON.stringify({
    architecture: process.arch === "x64" ? "amd64" : "arm64",
    os: "linux",
    config: { Cmd: ["/x"] },
    rootfs: { type: "layers", diff_ids: [] },
  }),
);

/** One layer of an archive without entries, in the words of https://distribution.github.io/distribution/spec/api/ */
export async function startRegistry(): Promise<Registry> {
  const archive = Buffer.alloc(64 * 1024);
  const layer = gzipSync(archive);
  const config = Buffer.from(
    JSON.stringify({ ...JSON.parse(CONFIG.toString()), rootfs: { type: "layers", diff_ids: [digestOf(archive)] } }),
  );
  const silent = new Set<ServerResponse>();
  const server = createServer((request, response) => answer({ request, response, layer, config, silent }));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    image: (fault) => `127.0.0.1:${port}/${fault}`,
    close: () =>
      new Promise((resolve) => {
        for (const each of silent) each.destroy();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

interface Question {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly layer: Buffer;
  readonly config: Buffer;
  readonly silent: Set<ServerResponse>;
}

function answer({ request, response, layer, config, silent }: Question): void {
  const [, , fault = "", kind = "", reference = ""] = (request.url ?? "").split("/");
  const send = (body: Buffer, type: string): void => {
    response.writeHead(200, {
      "content-type": type,
      "content-length": body.length,
      "docker-content-digest": digestOf(body),
      "docker-distribution-api-version": "registry/2.0",
    });
    response.end(request.method === "HEAD" ? undefined : body);
  };
  if (fault === "silent") {
    silent.add(response);
    return;
  }
  if (fault === "refuses") {
    response
      .writeHead(503, { "content-type": "application/json" })
      .end('{"errors":[{"code":"UNAVAILABLE","message":"busy"}]}');
  } else if (fault === "") {
    response.writeHead(200, { "docker-distribution-api-version": "registry/2.0" }).end("{}");
  } else if (kind === "manifests") {
    const size = fault === "wrong-size" ? layer.length + 5 : layer.length;
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: {
        mediaType: "application/vnd.docker.container.image.v1+json",
        size: config.length,
        digest: digestOf(config),
      },
      layers: [{ mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip", size, digest: digestOf(layer) }],
    };
    send(Buffer.from(JSON.stringify(manifest)), MANIFEST);
  } else if (reference === digestOf(config)) send(config, "application/octet-stream");
  else if (fault === "short-layer") send(layer.subarray(0, layer.length - 20), "application/octet-stream");
  else if (fault === "long-layer") send(Buffer.concat([layer, layer]), "application/octet-stream");
  else send(layer, "application/octet-stream");
}

function digestOf(data: Buffer): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}
