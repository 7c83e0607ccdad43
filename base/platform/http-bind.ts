import { chmodSync, chownSync, lstatSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { connect } from "node:net";
import type { Address } from "#base/env/net.ts";
import { socketName } from "./socket-path.ts";
import { addressOf, cannotListen } from "./streams.ts";
import { CodedError } from "#base/env/errors.ts";

/** A Unix socket is made with `mode` (default 0o600), owned by `uid`/`gid` when given. */
export type ListenAt =
  | Address
  | { readonly socketPath: string; readonly mode?: number; readonly uid?: number; readonly gid?: number };

const SOCKET_MODE = 0o600;

export async function bindServer(server: Server, at: ListenAt): Promise<Address> {
  if (!("socketPath" in at)) {
    await listening(server, () => server.listen({ host: at.host, port: at.port }), at);
    return addressOf(server.address(), at);
  }
  const { socketPath } = at;
  await removeStale(socketPath);
  const asked = { host: socketPath, port: 0 };
  const socket = socketName(socketPath);
  await listening(server, () => listenPrivately(server, socket.name), asked).finally(socket.release);
  // Node takes the file away by the name it was given, which may mean nothing any more.
  server.once("close", () => rmSync(socketPath, { force: true }));
  if (at.uid !== undefined || at.gid !== undefined) chownSync(socketPath, at.uid ?? -1, at.gid ?? -1);
  chmodSync(socketPath, at.mode ?? SOCKET_MODE);
  return asked;
}

function listening(server: Server, listen: () => void, asked: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(cannotListen(error, asked));
    server.once("error", failed);
    server.once("listening", () => {
      server.off("error", failed);
      resolve();
    });
    listen();
  });
}

/** The file is made inside `listen`, so nobody can connect before it is ours alone. */
function listenPrivately(server: Server, socketPath: string): void {
  const before = process.umask(0o177);
  try {
    server.listen(socketPath);
  } finally {
    process.umask(before);
  }
}

/** A socket file that nobody answers is what a killed program left behind. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new CodedError("EEXIST", `cannot listen on ${path}: a file that is no socket is there`, "move it away");
  }
  const answered = await new Promise<boolean>((resolve) => {
    const socket = socketName(path);
    const probe = connect(socket.name, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", () => resolve(false));
    probe.on("close", socket.release);
  });
  if (answered) throw new CodedError("EADDRINUSE", `cannot listen on ${path}: another program serves it`);
  rmSync(path, { force: true });
}
