import type { Env } from "#base/env/env.ts";
import type { Driver } from "../driver.ts";
import { askProgram } from "../process/program-version.ts";
import { hostArchitecture } from "./accelerator.ts";
import { CONFINED } from "./command-line.ts";
import { emulatorName, type QemuOptions } from "./plugin-options.ts";

/** Architectures that the driver knows how to build a machine for. */
const KNOWN = ["x86_64", "aarch64"] as const;
const VERSION = /version (\d+(?:\.\d+)+)/;

/** The QEMU programs of this node. */
export interface Emulators {
  fingerprint(): ReturnType<Driver["fingerprint"]>;
  /** Whether QEMU was built with the filter for system calls. */
  readonly canConfine: (program: string) => Promise<boolean>;
}

export function findEmulators(
  env: Env,
  options: QemuOptions,
  hasKvm: (architecture: string) => Promise<boolean>,
): Emulators {
  const names = KNOWN.filter((name) => {
    const { allowedEmulators } = options;
    return allowedEmulators.length === 0 || allowedEmulators.includes(emulatorName(name));
  });
  const version = askProgram(env, ["qemu-img", "--version"]);
  const confining = new Map<string, Promise<boolean>>();
  let rounds = 0;
  let kvm: boolean | undefined;
  return {
    async fingerprint() {
      const found: string[] = [];
      for (const name of names) if ((await env.exec.find(emulatorName(name))) !== undefined) found.push(name);
      if (found.length === 0) return absent("needs QEMU (Debian's package qemu-system-x86 or qemu-system-arm)");
      const said = await version();
      if (said === undefined) return absent("needs qemu-img (Debian's package qemu-utils)");
      // Trying takes a while, seconds where the answer is no: not while the agent starts, and nobody waits for it.
      rounds += 1;
      const own = rounds === 2 ? await hostArchitecture(env) : "";
      if (found.includes(own)) void hasKvm(own).then((works) => (kvm = works));
      return {
        Attributes: {
          "driver.qemu": "1",
          "driver.qemu.version": VERSION.exec(said.stdout)?.[1] ?? "",
          "driver.qemu.emulators": found.join(","),
          ...(kvm === undefined ? {} : { "driver.qemu.kvm": kvm ? "1" : "0" }),
        },
        Detected: true,
        Healthy: true,
        HealthDescription: "Healthy",
        UpdateTime: "",
      };
    },
    canConfine(program) {
      const known = confining.get(program) ?? confines(env, program);
      confining.set(program, known);
      return known;
    },
  };
}

/** Asked of a machine with nothing in it, which is told to end at once. */
async function confines(env: Env, program: string): Promise<boolean> {
  const argv = [program, "-sandbox", CONFINED, "-machine", "none", "-display", "none", "-qmp", "stdio"];
  const input = '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n';
  return (await env.exec.run(argv, { input })).code === 0;
}

function absent(why: string): Awaited<ReturnType<Driver["fingerprint"]>> {
  return { Attributes: {}, Detected: false, Healthy: false, HealthDescription: why, UpdateTime: "" };
}
