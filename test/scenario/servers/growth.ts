import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { testAgent, type TestAgent } from "../agent.ts";
import { admit, found } from "./admit.ts";

export const StateSchema = v.object({
  Engine: v.string(),
  Revision: v.number(),
  Keys: v.number(),
  Members: v.array(v.object({ ID: v.string(), Voter: v.boolean(), Healthy: v.boolean(), Leader: v.boolean() })),
});

/** Servers that look after etcd members of their own, on free ports, and grow into a cluster. */
export class GrowingCluster {
  readonly agents: TestAgent[] = [];
  readonly #etcd: string;
  #line: readonly string[] = [];
  /** What the command said by which the last of them joined. */
  said = "";

  /** `etcd`: more of `state { etcd { … } }`. */
  constructor(etcd = "") {
    this.#etcd = etcd;
  }

  /** The first of all makes the cluster, the others join it. */
  async add(name: string, more = ""): Promise<TestAgent> {
    const config = `name = "${name}"
state {
  etcd {
    dead_member_after = "3s"
    ${this.#etcd}
  }
}
${more}`;
    const prepare = (dir: string): void => {
      if (this.#line.length === 0) this.#line = found(dir);
      else this.said = admit(dir, this.#line);
    };
    const agent = await testAgent({ config, prepare });
    this.agents.push(agent);
    return agent;
  }

  /** Starts a copy of a server's disk, with other ports; rejects where it is refused. */
  async clone(of: TestAgent): Promise<void> {
    let copy = "";
    const prepare = (dir: string): void => {
      copy = dir;
      // Of what comes and goes meanwhile there may be less.
      spawnSync("cp", ["-a", join(of.dir, "data"), join(dir, "data")]);
    };
    try {
      const agent = await testAgent({ prepare });
      await agent.remove();
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }

  async remove(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.remove()));
  }
}

export async function stateAt(nomad: string): Promise<v.InferOutput<typeof StateSchema>> {
  return v.parse(StateSchema, await (await fetch(`${nomad}/v1/operator/state`)).json());
}

export async function stateOf(agent: TestAgent): Promise<v.InferOutput<typeof StateSchema>> {
  return v.parse(StateSchema, await agent.get("/v1/operator/state"));
}
