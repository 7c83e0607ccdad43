import { spawnSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import type { KeyKind } from "#base/client/templates/functions/certificate-functions.ts";
import type { TemplateHost } from "#base/client/templates/functions/host-functions.ts";
import type { Random } from "#base/env/random.ts";
import { readTzif } from "#base/language/go-template/functions/time/tzif.ts";
import { machineInterfaces } from "./template-interfaces.ts";
import { UTC, type Zone } from "#base/language/go-template/functions/time/zone.ts";

export interface TemplateHostOptions {
  readonly random: Random;
  readonly nowMs: () => number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder `file` and `writeToFile` may not leave; empty: anything goes. */
  readonly sandbox: string;
  /** Where paths that are not absolute begin. */
  readonly folder: string;
  readonly allowPlugins: boolean;
  readonly print: (text: string) => void;
}

const ZONES = "/usr/share/zoneinfo";
const PLUGIN_TIMEOUT_MS = 30_000;
const PLUGIN_OUTPUT_BYTES = 16 * 1024 * 1024;

/** What template functions see of this machine. */
export function createTemplateHost(options: TemplateHostOptions): Omit<TemplateHost, "write"> {
  const { random, nowMs, environment, sandbox, folder, print } = options;
  const zones = new Map<string, Zone | undefined>();
  return {
    nowMs,
    random,
    print,
    makeKey,
    zones: (name) => {
      if (!zones.has(name)) zones.set(name, zoneOf(name));
      return zones.get(name);
    },
    interfaces: machineInterfaces,
    variable: (name) => environment[name],
    isAllowed: (path) => sandbox === "" || isInside(resolve(folder, path), resolve(folder, sandbox)),
    plugin: options.allowPlugins ? (name, args) => runPlugin(name, args, environment) : undefined,
  };
}

function makeKey(kind: KeyKind): KeyObject {
  switch (kind) {
    case "rsa":
      return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    case "rsa4096":
      return generateKeyPairSync("rsa", { modulusLength: 4096 }).privateKey;
    case "ecdsa":
      return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    case "ed25519":
      return generateKeyPairSync("ed25519").privateKey;
    case "dsa":
      return generateKeyPairSync("dsa", { modulusLength: 2048, divisorLength: 256 }).privateKey;
  }
}

/** Links are followed as far as the path exists: what does not exist yet cannot lead anywhere. */
function isInside(path: string, folder: string): boolean {
  const real = realPath(path);
  const root = realPath(folder);
  return real === root || real.startsWith(root + sep);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = resolve(path, "..");
    return parent === path ? path : join(realPath(parent), path.slice(parent.length));
  }
}

function runPlugin(
  name: string,
  args: readonly string[],
  env: TemplateHostOptions["environment"],
): ReturnType<NonNullable<TemplateHost["plugin"]>> {
  const ran = spawnSync(name, [...args], {
    env,
    timeout: PLUGIN_TIMEOUT_MS,
    maxBuffer: PLUGIN_OUTPUT_BYTES,
    encoding: "utf8",
    killSignal: "SIGKILL",
  });
  const { stdout, stderr, status, signal } = ran;
  const error =
    ran.error?.message ?? (signal !== null ? `signal: ${signal}` : status === 0 ? undefined : `exit status ${status}`);
  return { error, stdout: stdout ?? "", stderr: stderr ?? "" };
}

function zoneOf(name: string): Zone | undefined {
  if (name === "" || name === "UTC") return UTC;
  if (name === "Local") return fileZone("/etc/localtime", "Local") ?? UTC;
  // Go refuses these, too: a zone is a name, not a path.
  if (!/^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+)*$/.test(name)) return undefined;
  return fileZone(join(ZONES, name), name);
}

function fileZone(path: string, name: string): Zone | undefined {
  try {
    return readTzif(name, readFileSync(path));
  } catch {
    return undefined;
  }
}
