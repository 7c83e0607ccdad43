import { dirname, join } from "node:path/posix";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import type { SchedulerClientDeps } from "../client-deps.ts";
import { isAllowed } from "./denylist.ts";
import { readText } from "./read-text.ts";

const text = v.nullish(v.string(), "");
const amount = v.nullish(v.number(), 0);
/** The part of https://systeminformation.io/ that this node does not find out by itself. */
const InventorySchema = v.object({
  cpu: v.object({
    vendor: text,
    processors: amount,
    physicalCores: amount,
    cache: v.object({ l2: amount, l3: amount }),
  }),
  memory: v.array(
    v.object({ size: amount, type: text, clockSpeed: v.nullish(v.number()), ecc: v.nullish(v.boolean()) }),
  ),
  graphics: v.array(v.object({ vendor: text, model: text, vram: v.nullish(v.number()) })),
  chassis: v.object({ type: text }),
  battery: v.object({ hasBattery: v.nullish(v.boolean(), false) }),
});
const KeptSchema = v.object({ boot: v.string(), inventory: InventorySchema });
type Inventory = v.InferOutput<typeof InventorySchema>;

/** At most: an odd machine's tools list more than anybody places by. */
const MAX_CARDS = 8;
/** After the start, when nobody waits for this machine any more. */
const AFTER_MS = 60_000;
const TIMEOUT_MS = 120_000;
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

export interface InventoryPlace {
  /** Prints the inventory as JSON, and ends. */
  readonly command: readonly string[];
  /** Where it is kept, so that a machine is looked through once for each time that it starts. */
  readonly file: string;
}

/** Undefined: nobody looks, or `fingerprint.denylist` has `inventory`. */
export function inventoryPlace(
  { inventoryCommand: command, config }: Pick<SchedulerClientDeps, "inventoryCommand" | "config">,
  stateDir: string,
): InventoryPlace | undefined {
  if (command === undefined || !isAllowed(config.client.options, "fingerprint", "inventory")) return undefined;
  return { command, file: join(stateDir, "inventory.json") };
}

/** What was found when this machine was last looked through; nothing yet is nothing. */
export async function inventoryAttributes(
  env: Env,
  place: InventoryPlace | undefined,
): Promise<Record<string, string>> {
  const kept = place === undefined ? undefined : await readKept(env, place.file);
  return kept === undefined ? {} : attributesOf(kept.inventory);
}

/** Reads what the program printed. Throws in words. */
export function parseInventory(printed: string): Inventory {
  return v.parse(v.pipe(v.string(), v.parseJson(), InventorySchema), printed);
}

export function attributesOf({ cpu, memory, graphics, chassis, battery }: Inventory): Record<string, string> {
  const modules = memory.filter(({ type, size }) => type !== "" && type !== "Unknown" && size > 0);
  const clock = Math.min(...modules.flatMap(({ clockSpeed }) => ((clockSpeed ?? 0) > 0 ? [clockSpeed ?? 0] : [])));
  const known: Readonly<Record<string, string | number>> = {
    "cpu.vendor": cpu.vendor,
    "cpu.sockets": cpu.processors,
    "cpu.numcores.physical": cpu.physicalCores,
    "cpu.cache.l2": cpu.cache.l2,
    "cpu.cache.l3": cpu.cache.l3,
    "memory.type": modules[0]?.type ?? "",
    "memory.modules": modules.length,
    "memory.frequency": Number.isFinite(clock) ? clock : "",
    "memory.ecc": modules.some(({ ecc }) => ecc === true) ? "true" : "",
    "chassis.type": /^(?:other|unknown)$/i.test(chassis.type) ? "" : chassis.type,
    "chassis.battery": battery.hasBattery ? "true" : "",
    "gpu.count": graphics.length,
  };
  const cards = graphics
    .slice(0, MAX_CARDS)
    .flatMap(({ vendor, model, vram }, at) => [
      [`gpu.${at}.vendor`, vendor] as const,
      [`gpu.${at}.model`, model] as const,
      [`gpu.${at}.memory`, (vram ?? 0) > 0 ? String(vram) : ""] as const,
    ]);
  const all = [...Object.entries(known), ...cards];
  return Object.fromEntries(
    all.flatMap(([name, value]) => (value === "" || value === 0 ? [] : [[name, String(value)]])),
  );
}

/** Looks through the machine once, some time after the agent started, unless that was done since the machine did. */
export class InventoryRound {
  readonly #env: Env;
  readonly #place: InventoryPlace | undefined;
  readonly #sinceMs: number;
  #isDone: boolean;

  constructor(env: Env, place: InventoryPlace | undefined) {
    this.#env = env;
    this.#place = place;
    this.#sinceMs = env.clock.monotonicMs();
    this.#isDone = place === undefined;
  }

  /** True: there is a new one. */
  async look(): Promise<boolean> {
    const { clock, log } = this.#env;
    if (this.#isDone || this.#place === undefined || clock.monotonicMs() - this.#sinceMs < AFTER_MS) return false;
    this.#isDone = true;
    try {
      return await take(this.#env, this.#place);
    } catch (thrown) {
      log.warn("cannot look through this machine", { error: messageOf(thrown) });
      return false;
    }
  }
}

async function take(env: Env, { command, file }: InventoryPlace): Promise<boolean> {
  const boot = (await readText(env, BOOT_ID))?.trim() ?? "";
  const kept = await readKept(env, file);
  if (kept !== undefined && kept.boot === boot && boot !== "") return false;
  const ran = await env.exec.run(command, { timeoutMs: TIMEOUT_MS, leaveNothing: true });
  if (ran.code !== 0) throw new Error(ran.stderr.trim() || `${command.join(" ")} ended with ${ran.code}`);
  const inventory = parseInventory(ran.stdout);
  await env.disk.makeDir(dirname(file), { mode: 0o700 });
  await env.disk.replace(file, JSON.stringify({ boot, inventory }));
  return true;
}

async function readKept(env: Env, file: string): Promise<v.InferOutput<typeof KeptSchema> | undefined> {
  const bytes = await env.disk.read(file).catch(() => undefined);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), KeptSchema), textOf(bytes ?? new Uint8Array()));
  return parsed.success ? parsed.output : undefined;
}
