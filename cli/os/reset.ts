import { CodedError } from "#base/env/errors.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { resetting } from "#os-image/firmware/node/boot-env.ts";
import { PLACES, readBootEnv, writeBootEnv } from "#os-image/firmware/node/machine.ts";
import { isAgreed } from "../command/ask.ts";
import type { RunCommand } from "../command/command.ts";
import { osState } from "./status.ts";

/** Exit code 0: the next start resets; 1: it was not agreed to. */
export const osReset: RunCommand = async (invocation) => {
  const { flags, output } = invocation;
  if (flags.value("node") !== undefined) return (await import("./reset-node.ts")).resetNode(invocation);
  const env = createEnv({ logLevel: "warn" });
  try {
    await osState(env.exec);
    const what = flags.on("data") ? "data" : "all";
    const loses = what === "all" ? "everything this machine knows" : "what this machine's agent keeps";
    if (!flags.on("yes") && !(await isAgreed(`Forget ${loses}?`, "say -yes"))) return 1;
    const written = await writeBootEnv(PLACES, resetting(await readBootEnv(PLACES), what), env.exec);
    if (!written.ok) throw new CodedError(written.error.code, written.error.message, written.error.hint);
    output.line(`The next start forgets ${loses}.`);
    if (flags.on("reboot")) await env.exec.run(["systemctl", "--no-block", "reboot"]);
    return 0;
  } finally {
    env.close();
  }
};
