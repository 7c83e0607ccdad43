import * as v from "valibot";
import { parse } from "yaml";
import { checkSeed, NOTHING, plainText, type ReadSeed } from "./seed.ts";

/**
 * What Raspberry Pi Imager leaves on the boot partition, each in its own way, taken for the same wishes. Of users and
 * their passwords nothing is taken: nobody logs in here with one.
 */
export function readImagerSeed(name: string, bytes: Uint8Array): ReadSeed | undefined {
  const text = plainText(bytes);
  if (name === "custom.toml" || name === "rpi-preseed.toml") return fromToml(text);
  if (name === "firstrun.sh") return fromScript(text);
  if (name === "user-data") return fromCloudConfig(text);
  if (name === "network-config") return fromNetplan(text);
  return undefined;
}

/** The few shapes of TOML that Imager writes: tables, strings, and lists of strings on one line. */
function fromToml(text: string): ReadSeed {
  const values = new Map<string, string>();
  let table = "";
  for (const line of text.split("\n")) {
    const [, named] = /^\s*\[([\w.]+)\]\s*$/.exec(line) ?? [];
    if (named !== undefined) table = named;
    const [, key, value] = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) values.set(`${table}.${key}`, value);
  }
  const keys = quoted(values.get("ssh.authorized_keys") ?? values.get("ssh.ssh_import") ?? "");
  return checkSeed({
    ...first("hostname", quoted(values.get("system.hostname") ?? "")),
    ...first("timezone", quoted(values.get("locale.timezone") ?? "")),
    sshKeys: keys,
    ...wlan({
      ssid: quoted(values.get("wlan.ssid") ?? "")[0],
      password: quoted(values.get("wlan.password") ?? "")[0],
      country: quoted(values.get("wlan.country") ?? "")[0],
      hidden: values.get("wlan.hidden") === "true",
    }),
  });
}

interface Wlan {
  readonly ssid: string | undefined;
  readonly password: string | undefined;
  readonly country: string | undefined;
  readonly hidden: boolean;
}

/** Without a name there is no network; Imager writes empty strings for what was not filled in. */
function wlan({ ssid, password, country, hidden }: Wlan): Readonly<Record<string, unknown>> {
  if (ssid === undefined || ssid === "") return {};
  const filled = (text: string | undefined): string | undefined => (text === "" ? undefined : text);
  return { wifi: { ssid, password: filled(password), country: filled(country)?.toUpperCase(), hidden } };
}

/** `firstrun.sh` is a script for another system; of its commands only what it sets is read, and nothing is run. */
function fromScript(text: string): ReadSeed {
  const hostname = /^\s*(?:\/usr\/lib\/raspberrypi-sys-mods\/)?imager_custom set_hostname (\S+)/m.exec(text)?.[1];
  const timezone = /set_timezone '?([\w/+-]+)'?/.exec(text)?.[1];
  const keys = [...text.matchAll(/(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/=]+(?: [\w@.+-]+)?/g)].map(
    (found) => found[0],
  );
  const plain = hostname?.replaceAll(/['"]/g, "");
  return checkSeed({ hostname: plain, timezone, sshKeys: [...new Set(keys)], ...wlanOfScript(text) });
}

/** `imager_custom set_wlan [-h] [-p] 'NAME' 'KEY' 'COUNTRY'`: https://github.com/RPi-Distro/raspberrypi-sys-mods, imager_custom. */
function wlanOfScript(text: string): Readonly<Record<string, unknown>> {
  const line = /^\s*(?:\/usr\/lib\/raspberrypi-sys-mods\/)?imager_custom set_wlan (.*)$/m.exec(text)?.[1];
  if (line === undefined) return {};
  const words = shellWords(line);
  const [ssid, password, country] = words.filter((word) => word !== "-h" && word !== "-p");
  return wlan({ ssid, password, country, hidden: words.includes("-h") });
}

/** Words as a shell takes them, quoted in single quotes, in double ones, or by backslashes. */
function shellWords(line: string): readonly string[] {
  const words = line.match(/(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\])+/g) ?? [];
  return words.map((word) => (word.match(/'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^'"\\]+/g) ?? []).map(unquoted).join(""));
}

function unquoted(part: string): string {
  if (part.startsWith("'")) return part.slice(1, -1);
  const inner = part.startsWith('"') ? part.slice(1, -1) : part;
  return inner.replaceAll(/\\(.)/g, "$1");
}

function fromCloudConfig(text: string): ReadSeed {
  const plain = (key: string): string | undefined => new RegExp(`^${key}:\\s*["']?([^"'\\s#]+)`, "m").exec(text)?.[1];
  const keys = [
    ...text.matchAll(/^\s*-\s*["']?((?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/=]+(?: [\w@.+-]+)?)/gm),
  ].map((found) => found[1]);
  return checkSeed({ hostname: plain("hostname"), timezone: plain("timezone"), sshKeys: keys });
}

const NetplanSchema = v.object({
  network: v.object({
    wifis: v.optional(
      v.record(
        v.string(),
        v.object({
          "regulatory-domain": v.optional(v.string()),
          "access-points": v.record(
            v.string(),
            v.nullish(v.object({ password: v.optional(v.string()), hidden: v.optional(v.boolean()) })),
          ),
        }),
      ),
      {},
    ),
  }),
});

/** The one wireless network that Imager names for cloud-init: https://netplan.readthedocs.io/en/stable/netplan-yaml/#properties-for-device-type-wifis */
function fromNetplan(text: string): ReadSeed {
  const read = v.safeParse(NetplanSchema, yamlOf(text));
  if (!read.success) return { seed: NOTHING, troubles: ["network-config is not as Imager writes it"] };
  const [card] = Object.values(read.output.network.wifis);
  const [ssid, access] = Object.entries(card?.["access-points"] ?? {})[0] ?? [];
  const country = card?.["regulatory-domain"];
  return checkSeed({
    sshKeys: [],
    ...wlan({ ssid, password: access?.password, country, hidden: access?.hidden === true }),
  });
}

function yamlOf(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch {
    return undefined;
  }
}

function quoted(value: string): string[] {
  return [...value.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g)].map((found) => found[1] ?? found[2] ?? "");
}

function first(key: string, values: readonly string[]): Readonly<Record<string, string>> {
  const [value] = values;
  return value === undefined || value === "" ? {} : { [key]: value };
}
