import * as v from "valibot";
import type { GoValue } from "#base/language/go-template/value.ts";
import { byTexts, int, listOf, struct, tagList, text, texts } from "./answer-structs.ts";
import type { NomadDependency } from "./dependency.ts";
import { VariableMetaSchema, VariableItems, variableMeta, VariableSchema } from "./variable-value.ts";

/** As `readConsulAnswer`, for Nomad's answers (https://developer.hashicorp.com/nomad/api-docs). */
export function readNomadAnswer(dependency: NomadDependency, body: unknown): GoValue {
  switch (dependency.kind) {
    case "nomad.services":
      return listOf(
        SNIPPET,
        (v.parse(v.array(NamespaceSchema), body ?? [])[0]?.Services ?? [])
          .toSorted(byTexts((service) => service.ServiceName))
          .map(({ ServiceName, Tags }) => struct(SNIPPET, { Name: ServiceName, Tags: tagList(Tags) })),
      );
    case "nomad.service":
      return listOf(
        "*dependency.NomadService",
        v
          .parse(v.array(RegistrationSchema), body ?? [])
          .filter(({ Tags }) => dependency.tag === "" || Tags.includes(dependency.tag))
          .toSorted(byTexts((service) => service.ServiceName))
          .map(registration),
      );
    case "nomad.var.get":
      return body === undefined || body === null ? null : new VariableItems(v.parse(VariableSchema, body));
    case "nomad.var.list":
      return listOf(
        "*dependency.NomadVarMeta",
        v.parse(v.array(VariableMetaSchema), body ?? []).map((meta) => variableMeta(meta)),
      );
  }
}

const SNIPPET = "*dependency.NomadServicesSnippet";
const NamespaceSchema = v.object({
  Namespace: text,
  Services: v.nullish(v.array(v.object({ ServiceName: text, Tags: texts })), () => []),
});
const RegistrationSchema = v.object({
  ID: text,
  ServiceName: text,
  NodeID: text,
  Address: text,
  Port: int,
  Datacenter: text,
  Tags: texts,
  JobID: text,
  AllocID: text,
});

function registration(service: v.InferOutput<typeof RegistrationSchema>): GoValue {
  const { ServiceName, NodeID, Tags, ...rest } = service;
  return struct("*dependency.NomadService", {
    ID: rest.ID,
    Name: ServiceName,
    Node: NodeID,
    Address: rest.Address,
    Port: rest.Port,
    Datacenter: rest.Datacenter,
    Tags: tagList(Tags),
    JobID: rest.JobID,
    AllocID: rest.AllocID,
  });
}
