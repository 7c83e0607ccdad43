import { existsSync } from "node:fs";
import { open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import { readImagerSeed } from "#os-image/firmware/node/imager-seeds.ts";
import { keep, PLACES, readIfThere, withWritableBoot } from "#os-image/firmware/node/machine.ts";
import { dhcpcdSettings } from "#os-image/firmware/node/network-settings.ts";
import { NOTHING, readSeed, type Seed, type SeedWifi } from "#os-image/firmware/node/seed.ts";
import { WIFI_SETTINGS, wifiSettings } from "#os-image/firmware/node/wifi-settings.ts";
import type { Invocation, RunCommand } from "../command/command.ts";
import { WISH, type Wish } from "./wish.ts";
import { trouble } from "./trouble.ts";

/**
 * Takes the seed file, once. What it wants is kept before the file is wiped, so that a power cut loses nothing; whatever is
 * wrong with it is told, and the node comes up.
 */
export const firstBoot: RunCommand = async (invocation) => {
  const env = createEnv({ logLevel: "warn" });
  try {
    await takeSeed(env, invocation);
    return 0;
  } finally {
    env.close();
  }
};

export async function takeSeed(env: SystemEnv, invocation: Pick<Invocation, "output">): Promise<void> {
  const { names, seed, troubles } = await readSeeds();
  if (names.length === 0) return;
  troubles.push(...(await apply(env, seed)));
  const wiped = await withWritableBoot(PLACES, env.exec, async () => {
    if (troubles.length > 0) await writeFile(join(PLACES.boot, "lares-errors.txt"), `${troubles.join("\r\n")}\r\n`);
    for (const name of names) await wipe(join(PLACES.boot, name));
  });
  if (!wiped.ok) troubles.push(`the seed file could not be wiped: ${wiped.error.message}`);
  for (const each of troubles) await trouble(invocation, each);
  await rm(join(PLACES.run, "seed"), { force: true });
}

interface ReadSeeds {
  readonly names: readonly string[];
  readonly seed: Seed;
  readonly troubles: string[];
}

async function readSeeds(): Promise<ReadSeeds> {
  const listed = (await readIfThere(join(PLACES.run, "seed"))) ?? "";
  const names = [...new Set(listed.split("\n").filter((name) => name !== ""))];
  let seed = NOTHING;
  const troubles: string[] = [];
  // Our own file is the first of the list, and has the last word.
  for (const name of names.toReversed()) {
    const bytes = await readFile(join(PLACES.boot, name)).catch(() => undefined);
    const read = bytes === undefined ? undefined : name === "lares.hcl" ? readSeed(bytes) : readImagerSeed(name, bytes);
    if (read === undefined) continue;
    const said = Object.fromEntries(Object.entries(read.seed).filter(([, value]) => !isNothing(value)));
    seed = { ...seed, ...said };
    troubles.push(...read.troubles);
  }
  return { names, seed, troubles };
}

/** Overwritten before it is shortened, so that no secret stays in blocks that are free. */
async function wipe(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    await file.write(Buffer.alloc(size, 0x20), 0, size, 0);
    await file.sync();
    const note = "# Applied, and wiped. To change settings write a new lares.hcl.\r\n";
    await file.truncate(0);
    await file.write(note, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(path, `${path}.applied.txt`);
}

/** @returns what could not be done */
async function apply(env: SystemEnv, seed: Seed): Promise<readonly string[]> {
  const troubles: string[] = [];
  await keepWish(seed);
  if (seed.hostname !== undefined) {
    await keep(PLACES, { name: "hostname", text: `${seed.hostname}\n` });
    await env.exec.run(["hostname", seed.hostname]);
    await writeFile("/etc/hostname", `${seed.hostname}\n`);
    await writeFile("/etc/hosts", `127.0.0.1 localhost\n127.0.1.1 ${seed.hostname}\n::1 localhost\n`);
  }
  if (seed.timezone !== undefined) {
    const zone = `/usr/share/zoneinfo/${seed.timezone}`;
    if (existsSync(zone)) {
      await keep(PLACES, { name: "timezone", text: `${seed.timezone}\n` });
      await env.exec.run(["ln", "-sfn", zone, "/etc/localtime"]);
    } else troubles.push(`there is no time zone ${seed.timezone}`);
  }
  if (seed.sshKeys.length > 0) {
    await keep(PLACES, { name: "authorized_keys", text: `${seed.sshKeys.join("\n")}\n`, mode: 0o600 });
    await env.exec.run(["systemctl", "--no-block", "start", "lares-ssh.service"]);
  }
  if (seed.network !== undefined) {
    await keep(PLACES, { name: "dhcpcd.conf", text: dhcpcdSettings(seed.network) });
  }
  if (seed.wifi !== undefined) troubles.push(...(await useWifi(env, seed.wifi)));
  // Waits for an address.
  if (seed.network !== undefined || seed.wifi !== undefined)
    await env.exec.run(["systemctl", "restart", "lares-network.service"], { timeoutMs: 60_000 });
  return troubles;
}

/** Cards that are found later are put to use by udev. */
async function useWifi(env: SystemEnv, wifi: SeedWifi): Promise<readonly string[]> {
  await keep(PLACES, { name: WIFI_SETTINGS, text: wifiSettings(wifi), mode: 0o600 });
  const cards = (await readdir("/sys/class/net")).filter((name) => name.startsWith("wl"));
  for (const card of cards) await env.exec.run(["systemctl", "restart", `lares-wifi@${card}.service`]);
  return cards.length > 0 ? [] : [`no wireless card is seen yet for ${wifi.ssid}`];
}

/** How it is to become a member, until it is one. */
async function keepWish({ join: wanted, role }: Seed): Promise<void> {
  if (wanted === undefined && role === undefined) return;
  const wish: Wish = { join: wanted, role };
  await keep(PLACES, { name: WISH, text: `${JSON.stringify(wish)}\n`, mode: 0o600 });
}

function isNothing(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}
