import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { LABEL_TASK } from "./container-spec.ts";
import type { Engine } from "./engine.ts";

/** By container: `running`, `exited` …; what is not in it does not exist. Rejects when the engine is away. */
export type ContainerStates = ReadonlyMap<string, string>;

/** Those who ask within this time are answered by one request. */
const GATHER_MS = 10;
const ListedSchema = v.array(v.object({ Id: v.string(), State: v.nullish(v.string(), "") }));
const PATH = `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ label: [LABEL_TASK] }))}`;

/** What has become of all containers of tasks, in one question for an agent that takes up hundreds of them. */
export function createContainerList(env: Env, engine: Engine): () => Promise<ContainerStates> {
  let gathering: Promise<ContainerStates> | undefined;
  const ask = async (): Promise<ContainerStates> => {
    await sleep(env.clock, GATHER_MS);
    gathering = undefined;
    const answer = await engine.call({ path: PATH });
    if (!answer.ok) throw new Error(`cannot list containers: ${answer.message}`);
    return new Map(v.parse(ListedSchema, answer.value).map(({ Id, State }) => [Id, State]));
  };
  return () => (gathering ??= ask());
}
