import { testAgent, until, type TestAgent } from "../agent.ts";
import { admit, found } from "./admit.ts";

export interface Three {
  readonly agents: readonly TestAgent[];
  /** Names, in the order of the agents. */
  readonly names: readonly string[];
  /** The one that leads, by what `asked` says; undefined: nobody. */
  leader(asked?: TestAgent): Promise<TestAgent | undefined>;
  /** Resolves with the leader that all of `among` agree on. */
  agreed(among?: readonly TestAgent[]): Promise<TestAgent>;
  remove(): Promise<void>;
}

/** Three servers, each with a client, on one etcd; `tls`: what proves them to each other, as HCL. */
export async function threeServers(endpoints: readonly string[], tls: string): Promise<Three> {
  const names = ["s0", "s1", "s2"];
  const agents: TestAgent[] = [];
  let line: readonly string[] = [];
  const first = (): TestAgent => {
    const [one] = agents;
    if (one === undefined) throw new Error("no agent yet");
    return one;
  };
  for (const [i, name] of names.entries()) {
    // Each prefers another member.
    const order = endpoints.map((_, at) => endpoints[(at + i) % endpoints.length]);
    agents.push(
      await testAgent({
        config: `name = "${name}"\nstate {\n  etcd {\n    endpoints = ${JSON.stringify(order)}\n    ${tls}\n  }\n}`,
        prepare: (dir) => {
          if (i === 0) line = found(dir);
          else admit(dir, line);
        },
      }),
    );
  }
  const leader = async (asked: TestAgent = first()): Promise<TestAgent | undefined> => {
    const answer = await fetch(`${asked.nomad}/v1/operator/autopilot/health`).catch(() => undefined);
    if (answer?.status !== 200) return undefined;
    const { Leader } = JSON.parse(await answer.text());
    return agents[names.findIndex((name) => Leader === `${name}.global`)];
  };
  const agreed = async (among: readonly TestAgent[] = agents): Promise<TestAgent> => {
    let found: TestAgent | undefined;
    await until("the servers agree on a leader that is one of them", async () => {
      const told = new Set(await Promise.all(among.map((one) => leader(one))));
      [found] = told;
      return told.size === 1 && found !== undefined && among.includes(found);
    });
    return found ?? first();
  };
  const remove = async (): Promise<void> => void (await Promise.all(agents.map((one) => one.remove())));
  return { agents, names, leader, agreed, remove };
}
