/** What GRUB and RAUC agree on. Names and meaning: https://rauc.readthedocs.io/en/latest/integration.html#grub */
export type BootEnv = ReadonlyMap<string, string>;

export type SlotName = "A" | "B";
export const SLOTS = ["A", "B"] as const;

const BYTES = 1024;
const HEAD = "# GRUB Environment Block\n";
/** All variables lie in one sector, so that a change is written whole or not at all. */
const SECTOR = 512;

/**
 * Reads GRUB's environment block (https://www.gnu.org/software/grub/manual/grub/html_node/Environment-block.html).
 * @returns undefined when it is none: GRUB then takes its own defaults
 */
export function parseBootEnv(bytes: Uint8Array): BootEnv | undefined {
  const text = Buffer.from(bytes).toString("latin1");
  if (bytes.length !== BYTES || !text.startsWith(HEAD)) return undefined;
  const found = new Map<string, string>();
  for (const line of text.slice(HEAD.length).split("\n")) {
    const [, key, value] = /^([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) found.set(key, value);
  }
  return found;
}

/** @returns undefined when the variables do not fit into one sector */
export function formatBootEnv(env: BootEnv): Uint8Array | undefined {
  const text = HEAD + [...env].map(([key, value]) => `${key}=${value}\n`).join("");
  return text.length > SECTOR ? undefined : Buffer.from(text.padEnd(BYTES, "#"), "latin1");
}

/** What GRUB takes when there is no environment. */
export const DEFAULT_ENV: BootEnv = new Map([
  ["ORDER", "A B"],
  ["A_OK", "1"],
  ["B_OK", "0"],
  ["A_TRY", "0"],
  ["B_TRY", "0"],
]);

export function otherSlot(slot: SlotName): SlotName {
  return slot === "A" ? "B" : "A";
}

/** The slot came up: it is the first choice, with all its tries. */
export function confirmed(env: BootEnv, slot: SlotName): BootEnv {
  return new Map([...env, ["ORDER", `${slot} ${otherSlot(slot)}`], [`${slot}_OK`, "1"], [`${slot}_TRY`, "0"]]);
}

/** The slot did not come up as it should: the other is started from now on. */
export function condemned(env: BootEnv, slot: SlotName): BootEnv {
  const other = otherSlot(slot);
  return new Map([
    ...env,
    ["ORDER", `${other} ${slot}`],
    [`${slot}_OK`, "0"],
    [`${other}_OK`, "1"],
    [`${other}_TRY`, "0"],
  ]);
}

/** The slot is started next. */
export function chosen(env: BootEnv, slot: SlotName): BootEnv {
  return confirmed(env, slot);
}

/** The next start forgets everything, or what the agent keeps, as the first stage does it. */
export function resetting(env: BootEnv, what: "all" | "data"): BootEnv {
  return new Map([...env, ["RESET", what === "all" ? "all" : "dat"]]);
}

/** Which slot GRUB starts next, by the rules of its configuration. */
export function nextSlot(env: BootEnv): SlotName {
  const order = (env.get("ORDER") ?? "A B").split(" ").flatMap((name) => SLOTS.find((slot) => slot === name) ?? []);
  const usable = order.filter((slot) => env.get(`${slot}_OK`) === "1");
  return usable.find((slot) => env.get(`${slot}_TRY`) !== "3") ?? usable[0] ?? "A";
}
