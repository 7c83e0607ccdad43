import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { integer, text } from "#base/protocol/schema.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { localTime } from "../print/time.ts";
import { findAlloc } from "./find-alloc.ts";

const CheckSchema = v.object({
  Check: text,
  Group: text,
  Task: text,
  Service: text,
  Status: text,
  Mode: text,
  StatusCode: integer,
  Timestamp: integer,
  Output: text,
});

/** The last results of the checks of an allocation's services. */
export const checks = withNomad(async (session) => {
  const alloc = await findAlloc(session, session.operands[0]);
  const path = `/v1/client/allocation/${segment(alloc.ID)}/checks`;
  const all = valueOf(
    await session.nomad.call({ path, schema: v.nullish(v.record(v.string(), CheckSchema), () => ({})) }),
  );
  return show(session, all, () => {
    const list = Object.values(all);
    if (list.length === 0) return ["No checks"];
    return [
      `Status of ${list.length} Nomad Service Checks`,
      ...list.flatMap((one) => [
        "",
        ...properties([
          ["Name", one.Check],
          ["Group", one.Group],
          ["Task", one.Task || "(group)"],
          ["Service", one.Service],
          ["Status", one.Status],
          ["Mode", one.Mode],
          ...(one.StatusCode > 0 ? [["StatusCode", String(one.StatusCode)] as const] : []),
          ["Timestamp", localTime(one.Timestamp * 1e9)],
          ["Output", one.Output],
        ]),
      ]),
    ];
  });
});
