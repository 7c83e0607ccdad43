import { createEnv, type SystemEnv } from "#base/platform/create-env.ts";
import type { Invocation, RunCommand } from "../command/command.ts";
import { SerfRpc } from "./rpc-client.ts";

export interface SerfSession extends Invocation {
  readonly env: SystemEnv;
  readonly rpc: SerfRpc;
}

/** A command that asks a Serf agent. */
export function withSerf(run: (session: SerfSession) => Promise<number>): RunCommand {
  return async (invocation) => {
    const { flags, environment } = invocation;
    const env = createEnv();
    try {
      const address = flags.value("rpc-addr") ?? environment["SERF_RPC_ADDR"] ?? "127.0.0.1:7373";
      const auth = flags.value("rpc-auth") ?? environment["SERF_RPC_AUTH"] ?? "";
      const rpc = await SerfRpc.connect(env.net, { address, auth });
      try {
        return await run({ ...invocation, env, rpc });
      } finally {
        rpc.close();
      }
    } finally {
      env.close();
    }
  };
}
