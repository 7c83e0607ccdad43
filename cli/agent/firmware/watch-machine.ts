import { PLACES, troublesOf } from "#os-image/firmware/node/machine.ts";
import type { Composition } from "../composition.ts";
import type { Lifecycle } from "../lifecycle.ts";

const CHECKS = "/usr/lib/lares/checks";

/** Asks a machine with our firmware what its image's checks say, until the lifecycle ends. Does nothing on others. */
export async function watchMachine(
  { env, discovery, firmware }: Pick<Composition, "env" | "discovery" | "firmware">,
  lifecycle: Lifecycle,
): Promise<void> {
  if (firmware === undefined) return;
  const [{ MachineChecks }, { liveSubject }] = await Promise.all([
    import("./machine-checks.ts"),
    import("#os-image/firmware/check/live.ts"),
  ]);
  const checks = new MachineChecks({
    env: { ...env, log: env.log.child("firmware") },
    registry: discovery.registry,
    subject: liveSubject(env.exec, env.net),
    folder: CHECKS,
    troubles: () => troublesOf(PLACES),
  });
  await checks.start();
  lifecycle.add("the machine's checks", () => checks.stop());
}
