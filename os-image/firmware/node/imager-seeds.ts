import * as v from "valibot";
import { parse } from "yaml";
import { tomlStrings, tomlValues } from "./imager-toml.ts";
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

/** https://github.com/raspberrypi/rpi-preseed; `custom.toml` is what came before it. */
function fromToml(text: string): ReadSeed {
  const values = tomlValues(text);
  const all = (key: string): readonly string[] => tomlStrings(values.get(key));
  const hex = all("wlan.ssid_hex")[0];
  const read = checkSeed({
    ...filled("hostname", all("system.hostname")[0]),
    ...filled("timezone", all("locale.timezone")[0]),
    sshKeys: all("ssh.authorized_keys"),
    ...wlan({
      ssid: all("wlan.ssid")[0],
      password: all("wlan.password")[0],
      country: all("wlan.country")[0],
      hidden: /^true\b/.test(values.get("wlan.hidden") ?? ""),
    }),
  });
  return hex === undefined ? read : { ...read, troubles: [...read.troubles, NO_TEXT] };
}

/** A name of up to 32 bytes need not be one: IEEE 802.11-2020, 9.4.2.2. */
const NO_TEXT = "wifi.ssid: the network's name is no UTF-8 text, and was not taken";

interface Wlan {
  readonly ssid: string | undefined;
  readonly password: string | undefined;
  readonly country: string | undefined;
  readonly hidden: boolean;
}

/** Without a name there is no network; Imager writes empty strings for what was not filled in. */
function wlan({ ssid, password, country, hidden }: Wlan): Readonly<Record<string, unknown>> {
  if (ssid === undefined || ssid === "") return {};
  const known = (text: string | undefined): string | undefined => (text === "" ? undefined : text);
  return { wifi: { ssid, password: known(password), country: known(country)?.toUpperCase(), hidden } };
}

/** `firstrun.sh` is a script for another system; of its commands only what it sets is read, and nothing is run. */
function fromScript(text: string): ReadSeed {
  const said = wordsOfScript(text);
  const keys = said("enable_ssh").filter((word) => word !== "-k");
  const [ssid, password, country] = said("set_wlan").filter((word) => word !== "-h" && word !== "-p");
  const read = checkSeed({
    ...filled("hostname", said("set_hostname")[0]),
    ...filled("timezone", said("set_timezone")[0]),
    sshKeys: keys,
    ...wlan({ ssid, password, country, hidden: said("set_wlan").includes("-h") }),
  });
  const isNoText = ssid === undefined && /^\s*ssid=hex:/m.test(text);
  return isNoText ? { ...read, troubles: [...read.troubles, NO_TEXT] } : read;
}

/**
 * What `imager_custom` is told: `set_hostname NAME`, `enable_ssh [-k KEY…]`, `set_wlan [-h] [-p] NAME KEY COUNTRY`, `set_timezone ZONE`
 * (https://github.com/RPi-Distro/raspberrypi-sys-mods, imager_custom). Newer ones name what a variable holds that was set before.
 */
function wordsOfScript(text: string): (verb: string) => readonly string[] {
  const variables = new Map<string, string>();
  for (const [, name = "", value = ""] of text.matchAll(/^\s*(IMAGER_\w+)=(.*)$/gm))
    variables.set(name, shellWords(value)[0] ?? "");
  return (verb) => {
    const line = new RegExp(`^\\s*(?:/usr/lib/raspberrypi-sys-mods/)?imager_custom ${verb}(?: (.*))?$`, "m").exec(text);
    return shellWords(line?.[1] ?? "").map(
      (word) => (word.startsWith("$") ? variables.get(word.slice(1)) : undefined) ?? word,
    );
  };
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

const KeysSchema = v.fallback(v.array(v.string()), []);
const UserSchema = v.fallback(v.object({ ssh_authorized_keys: KeysSchema }), { ssh_authorized_keys: [] });
const CloudConfigSchema = v.object({
  hostname: v.optional(v.string()),
  timezone: v.optional(v.string()),
  ssh_authorized_keys: KeysSchema,
  user: UserSchema,
  users: v.fallback(v.array(UserSchema), []),
});

/** https://docs.cloud-init.io/en/latest/reference/modules.html: set hostname, timezone, users and groups. Its commands are not run. */
function fromCloudConfig(text: string): ReadSeed {
  const read = v.safeParse(CloudConfigSchema, yamlOf(text) ?? {});
  if (!read.success) return { seed: NOTHING, troubles: ["user-data is not as Imager writes it"] };
  const { hostname, timezone, user, users, ssh_authorized_keys } = read.output;
  const keys = [...ssh_authorized_keys, ...[user, ...users].flatMap((each) => each.ssh_authorized_keys)];
  return checkSeed({ ...filled("hostname", hostname), ...filled("timezone", timezone), sshKeys: keys });
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
    ...wlan({ ssid: ssid && textOfOctets(ssid), password: access?.password, country, hidden: access?.hidden === true }),
  });
}

/** Newer ones write each byte of a name that is no ASCII as a character of its own, `\xc3\xa9` for an é. */
function textOfOctets(text: string): string {
  if (/[^\0-\xff]/.test(text)) return text;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(text, "latin1"));
  } catch {
    return text;
  }
}

function yamlOf(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch {
    return undefined;
  }
}

function filled(key: string, value: string | undefined): Readonly<Record<string, string>> {
  return value === undefined || value === "" ? {} : { [key]: value };
}
