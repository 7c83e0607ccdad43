import { compileConstraint } from "#base/language/constraint.ts";
import type { TaskGroup } from "#base/protocol/job.ts";
import type { Node, NodeDevice } from "#base/protocol/node.ts";
import type { Affinity, Constraint } from "#base/protocol/policies.ts";
import type { AllocatedTaskResources } from "#base/protocol/resources.ts";

/** `device "nvidia/gpu" { count = 2 }` of one task. */
export interface DeviceAsk {
  readonly task: string;
  /** `type`, `vendor/type` or `vendor/type/name`; `type/vendor` and `type/vendor/name` mean the same. */
  readonly name: string;
  readonly count: number;
  readonly constraints: readonly Constraint[];
  readonly affinities: readonly Affinity[];
}

/** A node and the instances in use there. */
export interface DeviceHost {
  readonly node: Node | undefined;
  readonly usedDevices: { has(instance: string): boolean };
}

export interface Assigned {
  readonly task: string;
  readonly device: AllocatedTaskResources["Devices"][number];
}

export function deviceAsks(group: TaskGroup): DeviceAsk[] {
  return group.Tasks.flatMap((task) =>
    task.Resources.Devices.map((device) => ({
      task: task.Name,
      name: device.Name,
      count: device.Count,
      constraints: device.Constraints,
      affinities: device.Affinities,
    })),
  );
}

/** How one instance is known among all that are in use on a node. */
export function instanceKey(
  of: { readonly Vendor: string; readonly Type: string; readonly Name: string },
  id: string,
): string {
  return `${of.Vendor}/${of.Type}/${of.Name}/${id}`;
}

/** Whether the node has what is asked for at all, whoever uses it now. */
export function hasDevices(node: Node, asks: readonly DeviceAsk[]): boolean {
  return assign(node, asks, new Set()) !== undefined;
}

/** The very instances each task gets, of what nobody uses; undefined: not enough is free. */
export function assignDevices({ node, usedDevices }: DeviceHost, asks: readonly DeviceAsk[]): Assigned[] | undefined {
  return node === undefined ? undefined : assign(node, asks, usedDevices);
}

/** How well the devices suit the tasks' affinities, −1 … 1; 0 where nothing is preferred. */
export function deviceScore(entry: DeviceHost, asks: readonly DeviceAsk[]): number {
  const weighed = asks.filter(({ affinities }) => affinities.length > 0);
  if (weighed.length === 0) return 0;
  const given = assignDevices(entry, asks) ?? [];
  let sum = 0;
  let weights = 0;
  for (const ask of weighed) {
    const one = given.find(({ task, device }) => task === ask.task && isNamed(device, ask.name));
    const device = entry.node?.NodeResources.Devices.find((each) => one !== undefined && isSame(each, one.device));
    if (device !== undefined) sum += preference(device, ask);
    for (const { Weight } of ask.affinities) weights += Math.abs(Weight);
  }
  return weights === 0 ? 0 : sum / weights;
}

/** Instances of one kind that an ask may have. */
interface Fitting {
  readonly device: NodeDevice;
  readonly free: NodeDevice["Instances"];
  readonly score: number;
}

/**
 * Each ask is served by one kind of device, the one it prefers among those with enough free instances. A node may tell of
 * one kind in several groups, each with attributes of its own.
 */
function assign(node: Node, asks: readonly DeviceAsk[], used: DeviceHost["usedDevices"]): Assigned[] | undefined {
  const taken = new Set<string>();
  const assigned: Assigned[] = [];
  for (const ask of asks) {
    const groups = node.NodeResources.Devices.flatMap((device): Fitting[] => {
      if (!isNamed(device, ask.name) || !ask.constraints.every((constraint) => holds(constraint, device))) return [];
      const free = device.Instances.filter(({ ID, Healthy }) => {
        const key = instanceKey(device, ID);
        return Healthy && !taken.has(key) && !used.has(key);
      });
      return free.length === 0 ? [] : [{ device, free, score: preference(device, ask) }];
    });
    const fitting = oneKindEach(groups).filter(({ free }) => free.length >= ask.count);
    const [best] = fitting.toSorted((a, b) => b.score - a.score);
    if (best === undefined) return undefined;
    const { Vendor, Type, Name } = best.device;
    const DeviceIDs = best.free.slice(0, ask.count).map(({ ID }) => ID);
    for (const id of DeviceIDs) taken.add(instanceKey(best.device, id));
    assigned.push({ task: ask.task, device: { Vendor, Type, Name, DeviceIDs } });
  }
  return assigned;
}

/** Preferred ones first; a kind is as good as its best. */
function oneKindEach(groups: readonly Fitting[]): readonly Fitting[] {
  const sorted = groups.toSorted((a, b) => b.score - a.score);
  const kinds = Map.groupBy(sorted, ({ device: { Vendor, Type, Name } }) => `${Vendor}/${Type}/${Name}`);
  return [...kinds.values()].flatMap(([first, ...rest]) =>
    first === undefined ? [] : [{ ...first, free: [first, ...rest].flatMap(({ free }) => free) }],
  );
}

function isNamed({ Vendor, Type, Name }: { Vendor: string; Type: string; Name: string }, wanted: string): boolean {
  const forms = [
    Type,
    `${Vendor}/${Type}`,
    `${Vendor}/${Type}/${Name}`,
    `${Type}/${Vendor}`,
    `${Type}/${Vendor}/${Name}`,
  ];
  return forms.includes(wanted);
}

function isSame(a: NodeDevice, b: Assigned["device"]): boolean {
  return a.Vendor === b.Vendor && a.Type === b.Type && a.Name === b.Name;
}

function preference(device: NodeDevice, { affinities }: DeviceAsk): number {
  return affinities.reduce((sum, affinity) => sum + (holds(affinity, device) ? affinity.Weight : 0), 0);
}

function holds(rule: Pick<Constraint, "LTarget" | "RTarget" | "Operand">, device: NodeDevice): boolean {
  const measured = COMPARED.has(rule.Operand);
  const side = (target: string): string | undefined => {
    const text = deviceTarget(target, device);
    return text !== undefined && measured ? baseUnits(text) : text;
  };
  const right = side(rule.RTarget);
  const test = compileConstraint(rule.Operand, right ?? "");
  return test.ok && test.value({ left: side(rule.LTarget), right });
}

const COMPARED: ReadonlySet<string> = new Set(["", "=", "==", "is", "!=", "not", "<", "<=", ">", ">="]);
const UNITS = ["B", "B/s", "Hz", "W"] as const;
const PREFIXES: Readonly<Record<string, number | undefined>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** `4 GiB` in bytes, `1.2 GHz` in hertz; other text as it is. Units: https://developer.hashicorp.com/nomad/docs/job-specification/device */
function baseUnits(text: string): string {
  const [, amount = "", unit = ""] = /^(-?\d+(?:\.\d+)?)\s*([A-Za-z/]+)$/.exec(text) ?? [];
  for (const suffix of UNITS) {
    const factor = unit.endsWith(suffix) ? PREFIXES[unit.slice(0, unit.length - suffix.length)] : undefined;
    if (factor !== undefined) return String(Number(amount) * factor);
  }
  return text;
}

/**
 * `${device.type}`, `${device.vendor}`, `${device.model}`, `${device.ids}`, `${device.attr.NAME}`; other text stands for
 * itself. https://developer.hashicorp.com/nomad/docs/job-specification/device#device-constraint-parameters
 */
function deviceTarget(target: string, device: NodeDevice): string | undefined {
  const name = /^\$\{\s*device\.(.+?)\s*\}$/.exec(target)?.[1];
  if (name === undefined) return target.startsWith("${") ? undefined : target;
  if (name === "type") return device.Type;
  if (name === "vendor") return device.Vendor;
  if (name === "model") return device.Name;
  if (name === "ids") return device.Instances.map(({ ID }) => ID).join(",");
  const attribute = name.startsWith("attr.") ? device.Attributes[name.slice(5)] : undefined;
  if (attribute === undefined) return undefined;
  const { Int, Float, String: text, Bool } = attribute;
  const value = Int ?? Float ?? text ?? Bool;
  return value === null ? undefined : `${value}${attribute.Unit === "" ? "" : ` ${attribute.Unit}`}`;
}
