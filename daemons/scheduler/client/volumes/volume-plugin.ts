import type { Result } from "#base/env/errors.ts";
import type { HostVolume } from "#base/protocol/host-volume.ts";

/** Where a volume lies, and its size in bytes; 0: it has none of its own. */
export interface MadeVolume {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Makes and deletes volumes of one kind. `create` comes again at every start of the agent and for every change of the
 * volume, and has to lead to the same; `remove` comes for what is gone already, too.
 */
export interface VolumePlugin {
  /** Undefined: this machine has not what it needs. */
  version(): Promise<string | undefined>;
  create(volume: HostVolume): Promise<Result<MadeVolume>>;
  remove(volume: HostVolume, path: string): Promise<Result<void>>;
}

/** An id is part of paths that are made and deleted. RFC 9562 section 4. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function isVolumeId(id: string): boolean {
  return UUID.test(id);
}

/** The first parameter that the plugin does not know. */
export function unknownParameter({ Parameters }: HostVolume, known: readonly string[]): string | undefined {
  const found = Object.keys(Parameters).find((name) => !known.includes(name));
  return found === undefined ? undefined : `unknown parameter ${JSON.stringify(found)}: it takes ${known.join(", ")}`;
}
