import type { Disk } from "#base/env/disk.ts";
import { fail, type Failure } from "#base/env/errors.ts";
import { checkConfig, readConfig, type ConfigShape } from "../config-shape.ts";
import type { DeviceSource, FoundDevice } from "../driver.ts";
import { measureDevice } from "./figures.ts";
import { listNames } from "./sysfs.ts";

/** Devices of one type, which stand in one folder of the kernel's. */
export interface DeviceKind {
  readonly type: string;
  /** Its members come and go with the devices. */
  readonly folder: string;
  readonly find: (disk: Disk) => Promise<readonly FoundDevice[]>;
}

/** `plugin "NAME" { config { types = ["gpu"] } }`: the kinds that tasks may ask for. Default: all. */
const SHAPE: ConfigShape = { types: { kind: "texts" } };

export function checkTypes(
  plugin: string,
  kinds: readonly DeviceKind[],
  config: Readonly<Record<string, unknown>>,
): readonly Failure[] {
  const failures = checkConfig(`${plugin} plugin`, SHAPE, config);
  const known = kinds.map(({ type }) => type);
  const unknown = readConfig(config)
    .texts("types")
    .filter((type) => !known.includes(type));
  const hint = `there are: ${known.join(", ")}`;
  return [
    ...failures,
    ...unknown.map(
      (type) => fail("BAD_VALUE", `${plugin} plugin: there are no devices of type ${JSON.stringify(type)}`, hint).error,
    ),
  ];
}

export function createClassSource(
  name: string,
  all: readonly DeviceKind[],
  { disk, config }: { readonly disk: Disk; readonly config: Readonly<Record<string, unknown>> },
): DeviceSource {
  const wanted = readConfig(config).texts("types");
  const kinds = all.filter(({ type }) => !("types" in config) || wanted.includes(type));
  return {
    name,
    async pulse() {
      const names = await Promise.all(kinds.map(({ folder }) => listNames(disk, folder)));
      return names.flat().join("\n");
    },
    async find() {
      return (await Promise.all(kinds.map(({ find }) => find(disk)))).flat();
    },
    measure: (device) => measureDevice(disk, device),
  };
}
