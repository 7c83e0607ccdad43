import * as v from "valibot";
import { valueOf } from "../api/answer.ts";
import { withConsul } from "../api/session.ts";
import { show } from "../print/show.ts";

const SelfSchema = v.object({ Stats: v.record(v.string(), v.record(v.string(), v.string())) });

/** Figures by topic. */
export const info = withConsul(async (session) => {
  const { Stats } = valueOf(await session.consul.call({ path: "/v1/agent/self", schema: SelfSchema }));
  return show(session, Stats, () =>
    Object.entries(Stats)
      .toSorted(byName)
      .flatMap(([topic, figures]) => [
        `${topic}:`,
        ...Object.entries(figures)
          .toSorted(byName)
          .map(([name, figure]) => `\t${name} = ${figure}`),
      ]),
  );
});

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
