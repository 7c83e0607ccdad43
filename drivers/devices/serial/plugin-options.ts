import { fail, type Failure } from "#base/env/errors.ts";
import { checkConfig, readConfig, type ConfigShape } from "../../config-shape.ts";

/** Ports the configuration names beside those the kernel shows. */
export interface ConfiguredPort {
  /** Absolute; `*` and `?` within one part. */
  readonly path: string;
  /** Empty: what is known of it. */
  readonly vendor: string;
  readonly name: string;
}

export interface SerialOptions {
  readonly enabled: boolean;
  readonly ports: readonly ConfiguredPort[];
  /** Patterns of paths that are nobody's. */
  readonly ignore: readonly string[];
}

/** `plugin "serial" { config { paths = ["/dev/ttyXR*"] ignore = ["/dev/ttyS*"] device { path = … vendor = … name = … } } }` */
const SHAPE: ConfigShape = {
  enabled: { kind: "flag" },
  paths: { kind: "texts" },
  ignore: { kind: "texts" },
  device: { kind: "blocks" },
};
const DEVICE: ConfigShape = {
  path: { kind: "text", required: true },
  vendor: { kind: "text" },
  name: { kind: "text" },
};

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,46}[a-z0-9])?$/;

export function checkSerialOptions(config: Readonly<Record<string, unknown>>): readonly Failure[] {
  const failures = [...checkConfig("serial plugin", SHAPE, config)];
  if (failures.length > 0) return failures;
  const reader = readConfig(config);
  const blocks = reader.blocks("device");
  for (const block of blocks) failures.push(...checkConfig("serial plugin: device", DEVICE, block));
  const { ports, ignore } = readSerialOptions(config);
  for (const path of [...ports.map((port) => port.path), ...ignore]) {
    if (path.startsWith("/")) continue;
    failures.push(
      fail("BAD_VALUE", `serial plugin: ${JSON.stringify(path)} is no path`, "write it from the root: /dev/ttyUSB0")
        .error,
    );
  }
  for (const text of ports.flatMap(({ vendor, name }) => [vendor, name])) {
    if (text === "" || NAME.test(text)) continue;
    const hint = "use small letters, digits, hyphens and dots, 48 at most";
    failures.push(fail("BAD_VALUE", `serial plugin: ${JSON.stringify(text)} cannot name a device`, hint).error);
  }
  return failures;
}

export function readSerialOptions(config: Readonly<Record<string, unknown>>): SerialOptions {
  const reader = readConfig(config);
  const named = reader.blocks("device").map((block) => {
    const device = readConfig(block);
    return { path: device.text("path"), vendor: device.text("vendor"), name: device.text("name") };
  });
  return {
    enabled: reader.flag("enabled", true),
    ports: [...named, ...reader.texts("paths").map((path) => ({ path, vendor: "", name: "" }))],
    ignore: reader.texts("ignore"),
  };
}
