import type { Exec } from "#base/env/exec.ts";
import type { Net } from "#base/env/net.ts";
import type { Subject } from "./subject.ts";
import { treeSubject } from "./tree.ts";

const COMMAND_MS = 30_000;

/** The machine that runs this. */
export function liveSubject(exec: Exec, net: Net): Subject {
  return {
    ...treeSubject("/"),
    live: {
      running: async (unit) => (await exec.run(["systemctl", "is-active", "--quiet", unit])).code === 0,
      run: async (line) => {
        const { code, stdout, stderr } = await exec.run(["/bin/sh", "-c", line], { timeoutMs: COMMAND_MS });
        return { code: code ?? 255, stdout: stdout + stderr };
      },
      interfaces: () => {
        const byName = Map.groupBy(net.interfaces(), ({ name }) => name);
        return [...byName].map(([name, addresses]) => ({
          name,
          up: true,
          hasAddress: addresses.some(({ address }) => !address.startsWith("fe80:")),
        }));
      },
    },
  };
}
