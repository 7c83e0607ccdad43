import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { columns, properties } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { readTextFile } from "../spec/read-text.ts";
import { PolicySchema, type Policy } from "./answers.ts";
import { erase, operandOf, orNone, read, write } from "./calls.ts";

/** `acl policy apply NAME FILE`; `-` reads standard input. */
export const apply = withNomad(async (session) => {
  const [name, file] = session.operands;
  if (name === undefined || file === undefined) throw new UsageError("give a name and a file");
  const body = {
    Name: name,
    Description: session.flags.value("description") ?? "",
    Rules: readTextFile(file),
    JobACL: boundTo(session),
  };
  await write(session, { path: `/v1/acl/policy/${segment(name)}`, body, schema: v.unknown() });
  session.output.line(`Successfully wrote ${JSON.stringify(name)} ACL policy!`);
  return 0;
});

export const list = withNomad(async (session) => {
  const all = await read(session, "/v1/acl/policies", v.array(PolicySchema));
  return show(session, all, () =>
    all.length === 0
      ? ["No policies found"]
      : columns(
          ["Name", "Description"],
          all.map(({ Name, Description }) => [Name, orNone(Description)]),
        ),
  );
});

export const info = withNomad(async (session) => {
  const found = await read(session, `/v1/acl/policy/${segment(operandOf(session, "name"))}`, PolicySchema);
  return show(session, found, () => policyLines(found));
});

export const self = withNomad(async (session) => {
  const own = await read(session, "/v1/acl/policy/self", v.record(v.string(), PolicySchema));
  return show(session, own, () => {
    const all = Object.values(own);
    if (all.length === 0) return ["No policies found"];
    const rows = all.map(({ Name, JobACL }) => [
      Name,
      orNone(JobACL?.JobID ?? ""),
      orNone(JobACL?.Group ?? ""),
      orNone(JobACL?.Task ?? ""),
    ]);
    return columns(["Name", "Job ID", "Group Name", "Task Name"], rows);
  });
});

export const remove = withNomad(async (session) => {
  const name = operandOf(session, "name");
  await erase(session, `/v1/acl/policy/${segment(name)}`);
  session.output.line(`Successfully deleted ${name} policy!`);
  return 0;
});

/** Workloads that have it without a token. */
function boundTo({ flags, namespace }: NomadSession): Policy["JobACL"] {
  const [JobID, Group, Task] = [flags.value("job") ?? "", flags.value("group") ?? "", flags.value("task") ?? ""];
  if (JobID === "" && namespace === undefined) {
    if (Group !== "" || Task !== "") throw new UsageError("-group and -task need -job");
    return null;
  }
  return { Namespace: namespace ?? "default", JobID, Group, Task };
}

function policyLines({ Name, Description, Rules, JobACL, CreateIndex, ModifyIndex }: Policy): string[] {
  const bound =
    JobACL === null
      ? []
      : [
          "",
          "Associated Workload",
          ...properties([
            ["Namespace", JobACL.Namespace],
            ["JobID", orNone(JobACL.JobID)],
            ["Group", orNone(JobACL.Group)],
            ["Task", orNone(JobACL.Task)],
          ]),
        ];
  return [
    ...properties([
      ["Name", Name],
      ["Description", orNone(Description)],
      ["CreateIndex", String(CreateIndex)],
      ["ModifyIndex", String(ModifyIndex)],
    ]),
    ...bound,
    "",
    "Rules",
    "",
    Rules,
  ];
}
