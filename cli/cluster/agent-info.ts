import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { show } from "../print/show.ts";

/** What the agent says of itself, in sections. */
export const agentInfo = withNomad(async (session) => {
  const { stats } = valueOf(await session.nomad.agent.self());
  return show(session, stats, () =>
    Object.entries(stats)
      .toSorted(byName)
      .flatMap(([section, values]) => [
        section,
        ...Object.entries(values)
          .toSorted(byName)
          .map(([key, value]) => `  ${key} = ${String(value)}`),
      ]),
  );
});

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
