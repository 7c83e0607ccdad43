import { parseArgs } from "node:util";
import { dockerForTests } from "#scripts/test/docker.ts";
import { makeTestImage } from "#test/drivers/test-image.ts";
import { IMAGE, soak } from "#test/scenario/node/soak.ts";

/**
 * A thousand tasks on one node, killed at random with their agent: `npm run soak -- [--raw 890] [--exec 50] [--docker 50]
 * [--bridged 10] [--rounds 50] [--seed N]`. Ends with 1 where anything was not as it should be.
 */
const { values } = parseArgs({
  options: {
    raw: { type: "string", default: "890" },
    exec: { type: "string", default: "50" },
    docker: { type: "string", default: "50" },
    bridged: { type: "string", default: "10" },
    rounds: { type: "string", default: "50" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
  },
});
const [rawExec = 0, exec = 0, docker = 0, bridged = 0, rounds = 0, seed = 0] = [
  values.raw,
  values.exec,
  values.docker,
  values.bridged,
  values.rounds,
  values.seed,
].map(Number);
console.log(`seed ${seed}`);
const engine = docker > 0 ? await dockerForTests() : undefined;
Object.assign(process.env, engine?.env);
if (engine !== undefined) makeTestImage(IMAGE, engine.env);
const done = await soak({
  rawExec,
  exec,
  docker,
  bridged,
  rounds,
  seed,
  settleMs: 300_000,
  say: (line) => console.log(line),
});
await engine?.stop();
console.log(`${done.agentKills} agents and ${done.taskKills} tasks killed; ${done.problems.length} problems`);
for (const problem of done.problems.slice(0, 50)) console.log(problem);
process.exitCode = done.problems.length === 0 ? 0 : 1;
