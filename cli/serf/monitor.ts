import * as v from "valibot";
import { textField } from "#daemons/discovery/serf/wire/fields.ts";
import { withSerf } from "./session.ts";

const LogSchema = v.object({ Log: textField });

/** The agent's log until Ctrl-C or its end. */
export const monitor = withSerf(async ({ rpc, flags, output }) => {
  const interrupted = new Promise<number>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(0));
  });
  const ended = rpc.ended().catch(() => {
    output.error("Remote side ended the monitor! This usually means that the remote side has exited or crashed.");
    return 1;
  });
  await rpc.follow("monitor", { LogLevel: flags.value("log-level") ?? "INFO" }, (record) => {
    const read = v.safeParse(LogSchema, record);
    if (read.success) output.line(read.output.Log);
  });
  return Promise.race([interrupted, ended]);
});
