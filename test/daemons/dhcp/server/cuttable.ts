import { connect, createServer, type Socket } from "node:net";

/** The way from one instance to the cluster's keys. */
export interface Cuttable {
  readonly socketPath: string;
  /** Nothing arrives any more on either side, and nobody is told: as when packets are lost. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function openCuttable(socketPath: string, target: string): Promise<Cuttable> {
  const open = new Set<Socket>();
  let isCut = false;
  const keep = (socket: Socket): Socket => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    return socket;
  };
  const server = createServer((near) => {
    keep(near);
    if (isCut) return;
    const far = keep(connect(target));
    near.pipe(far).pipe(near);
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  const end = (): void => {
    for (const socket of open) socket.destroy();
  };
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    socketPath,
    cut() {
      isCut = true;
      for (const socket of open) socket.unpipe().pause();
    },
    mend() {
      isCut = false;
      end();
    },
    close() {
      end();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}
