import assert from "node:assert/strict";
import { basename } from "node:path";
import { BUNDLES } from "../bundles.ts";
import type { Case, Stage } from "../case.ts";
import type { Machine } from "../machine.ts";
import { serve } from "../serve.ts";

export const agentCases: readonly Case[] = [{ name: "the agent alone is updated, and tasks go on", run: agentAlone }];

const JOB = JSON.stringify({
  Job: {
    ID: "sleeper",
    Type: "service",
    TaskGroups: [
      { Name: "g", Tasks: [{ Name: "t", Driver: "exec", Config: { command: "/bin/sleep", args: ["100000"] } }] },
    ],
  },
});
const CALL = 'curl -sf -H "X-Nomad-Token: $(cat /var/lib/lares/management-token)" http://127.0.0.1:4646/v1';

async function agentAlone({ bench, shared, say }: Stage): Promise<void> {
  const { server, port } = await serve(bench.folder);
  const urlOf = (file: string): string => `http://10.0.2.2:${port}/${basename(file)}`;
  const [good, silent] = [await BUNDLES.good(bench), await BUNDLES.silentAgent(bench)];
  const pids = (machine: Machine, what: string): Promise<string> =>
    machine.must(`ps -o pid,args | awk '/${what}/ { print $1 }' | sort | tr '\\n' ' '`);
  try {
    await shared.use(async (machine) => {
      await machine.must(`${CALL}/jobs -X PUT -d '${JOB}' >/dev/null`);
      await machine.until("the task runs", async () => (await pids(machine, "[s]leep 100000")).trim() !== "");
      const task = await pids(machine, "[s]leep 100000");
      const before = await pids(machine, "[l]ares agent");
      await machine.must(`lares os update -agent ${urlOf(good)}`, 900_000);
      const after = await pids(machine, "[l]ares agent");
      assert.notEqual(after, before, "the agent was started anew");
      assert.equal(await pids(machine, "[s]leep 100000"), task, "the task is the same process");
      assert.match(await machine.must("cat /proc/1/mounts"), / \/usr\/bin\/lares /);
      say("the agent was exchanged");
      const refused = await machine.run(`lares os update -agent ${urlOf(silent)}`, 900_000);
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /the agent was not updated: .* did not answer/);
      await machine.whenApi();
      assert.equal(await pids(machine, "[s]leep 100000"), task, "the task is the same process");
      say("one that hangs was taken back");
      await machine.restarted("systemctl reboot");
      await machine.settled("A");
      assert.match(await machine.must("cat /proc/1/mounts"), / \/usr\/bin\/lares /, "it stands in after a start, too");
      say("it stands in for the slot's own after a start, too");
      await machine.must(`${CALL}/job/sleeper?purge=true -X DELETE >/dev/null`);
    });
  } finally {
    server.close();
  }
}
