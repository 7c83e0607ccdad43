import { textOf, utf8 } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { ConfigReader } from "../config-shape.ts";
import type { TaskStart } from "../driver.ts";
import { hostFile } from "./host-file.ts";
import { isoImage } from "./iso9660.ts";
import type { GuestAddress } from "./guest-address.ts";

/** What a guest is told of itself. */
export interface SeedWish {
  readonly block: ConfigReader;
  readonly hostname: string;
  /** Undefined: the guest asks by DHCP. */
  readonly address: GuestAddress | undefined;
  readonly imagePaths: readonly string[];
}

/**
 * The CD that cloud-init looks for (https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html). What
 * the job does not say is filled in: an instance per allocation, its name, and its address where it has one of its own.
 */
export async function seedImage(env: Env, task: TaskStart, wish: SeedWish): Promise<Result<Uint8Array>> {
  const { block, hostname, address } = wish;
  const written = await userData(env, task, wish);
  if (!written.ok) return written;
  const meta = block.text("meta_data") || `instance-id: ${task.allocId}\nlocal-hostname: ${hostname}\n`;
  const network = block.text("network_config") || (address === undefined ? "" : networkConfig(address));
  const files: readonly (readonly [string, string])[] = [
    ["meta-data", meta],
    ["user-data", written.value],
    ["network-config", network],
    ["vendor-data", block.text("vendor_data")],
  ];
  const there = files.filter(([name, text]) => text !== "" || name === "user-data");
  return succeed(
    isoImage(
      "cidata",
      there.map(([name, text]) => ({ name, data: utf8(text) })),
    ),
  );
}

async function userData(env: Env, task: TaskStart, { block, imagePaths }: SeedWish): Promise<Result<string>> {
  const file = block.text("user_data_file");
  if (file === "") return succeed(block.text("user_data"));
  const found = await hostFile(env, task, { path: file, imagePaths });
  if (!found.ok) return fail(found.error.code, `cloud_init.user_data_file: ${found.error.message}`, found.error.hint);
  return succeed(textOf((await env.disk.read(found.value.path)) ?? new Uint8Array()));
}

/** Version 2, written in JSON, which is YAML. */
function networkConfig({ mac, cidr, gateway, dns, searches }: GuestAddress): string {
  const routes = gateway === "" ? [] : [{ to: gateway.includes(":") ? "::/0" : "0.0.0.0/0", via: gateway }];
  const ethernets = {
    net0: { match: { macaddress: mac }, addresses: [cidr], routes, nameservers: { addresses: dns, search: searches } },
  };
  return `${JSON.stringify({ version: 2, ethernets }, undefined, 2)}\n`;
}
