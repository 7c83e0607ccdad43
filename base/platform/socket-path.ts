import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname } from "node:path";

/** unix(7): `sun_path` holds 108 bytes, and one of them is the end. */
const LONGEST_BYTES = 107;

/** A name by which the system takes a socket's path, however long the path is. */
export interface SocketName {
  readonly name: string;
  /** Gives back the folder's descriptor; the name means nothing after that. */
  readonly release: () => void;
}

export function socketName(path: string): SocketName {
  if (Buffer.byteLength(path) <= LONGEST_BYTES) return { name: path, release: () => undefined };
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  let open = true;
  return {
    name: `/proc/self/fd/${folder}/${basename(path)}`,
    release: () => {
      if (open) closeSync(folder);
      open = false;
    },
  };
}
