import { dependencyKey, type Dependency } from "#base/client/templates/dependencies/dependency.ts";
import { BIGINT_KEYS, readConsulAnswer } from "#base/client/templates/dependencies/consul-answers.ts";
import { readNomadAnswer } from "#base/client/templates/dependencies/nomad-answers.ts";
import { readSecret, readSecretList } from "#base/client/templates/dependencies/vault-answers.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { parseWithBigints } from "#base/protocol/json-numbers.ts";
import type { Instance, TestData } from "./data.ts";

/** What the servers would say; undefined: the data says nothing about it. */
export function answerTo(dependency: Dependency, data: TestData): { readonly value: GoValue } | undefined {
  const given = data.answers[dependencyKey(dependency)];
  const body = given ?? bodyOf(dependency, data);
  if (body === NOTHING) return undefined;
  switch (dependency.kind) {
    case "file":
      return typeof body === "string" ? { value: body } : undefined;
    case "vault.read":
    case "vault.write":
      return body === undefined ? undefined : { value: readSecret(body) };
    case "vault.list":
      return { value: readSecretList(body) };
    case "vault.pki":
      return undefined;
    case "nomad.services":
    case "nomad.service":
    case "nomad.var.get":
    case "nomad.var.list":
      if (dependency.kind === "nomad.var.get" && dependency.block && body === undefined) return undefined;
      return { value: readNomadAnswer(dependency, asAnswered(body)) };
    default:
      if (dependency.kind === "kv.get" && dependency.block && body === undefined) return undefined;
      return { value: readConsulAnswer(dependency, asAnswered(body)) };
  }
}

const NOTHING = Symbol("nothing");

/** Numbers that may need 64 bits come as they do from the wire. */
function asAnswered(body: unknown): unknown {
  return body === undefined
    ? undefined
    : parseWithBigints(JSON.stringify(body), [...BIGINT_KEYS, "CreateTime", "ModifyTime"]);
}

function bodyOf(dependency: Dependency, data: TestData): unknown {
  switch (dependency.kind) {
    case "catalog.datacenters":
      return data.datacenters;
    case "catalog.services":
      return tagsByName(data.services);
    case "catalog.nodes":
      return data.nodes;
    case "catalog.service":
      return tagged(data.services[dependency.name], dependency.tag).map((each) =>
        catalogService(dependency.name, each),
      );
    case "health.service":
    case "health.connect":
      return tagged(data.services[dependency.name], dependency.tag).map((each) => health(dependency.name, each));
    case "kv.get":
      return pairs(data, (key) => key === dependency.key);
    case "kv.list":
      return pairs(data, (key) => key.startsWith(dependency.prefix)) ?? [];
    case "kv.keys":
      return Object.keys(data.keys).filter((key) => key.startsWith(dependency.prefix));
    case "vault.read":
    case "vault.write": {
      const secret = data.secrets[dependency.path];
      return secret === undefined ? undefined : { data: secret };
    }
    case "vault.list":
      return { data: { keys: listed(Object.keys(data.secrets), dependency.path) } };
    case "nomad.services":
      return [
        {
          Namespace: "default",
          Services: Object.entries(tagsByName(data.nomad_services)).map(([ServiceName, Tags]) => ({
            ServiceName,
            Tags,
          })),
        },
      ];
    case "nomad.service":
      return tagged(data.nomad_services[dependency.name], dependency.tag).map((each) =>
        nomadService(dependency.name, each),
      );
    case "nomad.var.get":
      return variable(data, dependency.path);
    case "nomad.var.list":
      return Object.keys(data.variables)
        .filter((path) => path.startsWith(dependency.prefix))
        .map((path) => variable(data, path));
    case "file":
      return data.files[dependency.path];
    default:
      return NOTHING;
  }
}

function tagged(instances: readonly Instance[] | undefined, tag: string): readonly Instance[] {
  return (instances ?? []).filter(({ Tags }) => tag === "" || Tags.includes(tag));
}

function tagsByName(services: TestData["services"]): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(services).map(([name, instances]) => [name, [...new Set(instances.flatMap(({ Tags }) => Tags))]]),
  );
}

function idOf(name: string, { ID, Node, Port }: Instance): string {
  return ID === "" ? `${name}-${Node}-${Port}` : ID;
}

function health(name: string, instance: Instance): unknown {
  const { Node, Address, Port, Tags, Meta, Status } = instance;
  const ID = idOf(name, instance);
  return {
    Node: { Node, Address, Datacenter: "dc1" },
    Service: { ID, Service: name, Address, Port, Tags, Meta },
    Checks: [{ Node, CheckID: `service:${ID}`, Status, ServiceID: ID, ServiceName: name }],
  };
}

function catalogService(name: string, instance: Instance): unknown {
  const { Node, Address, Port, Tags, Meta } = instance;
  const service = { ServiceID: idOf(name, instance), ServiceName: name, ServiceAddress: Address, ServicePort: Port };
  return { Node, Address, Datacenter: "dc1", ...service, ServiceTags: Tags, ServiceMeta: Meta };
}

function nomadService(name: string, instance: Instance): unknown {
  const { Node, Address, Port, Tags } = instance;
  return { ID: idOf(name, instance), ServiceName: name, NodeID: Node, Datacenter: "dc1", Address, Port, Tags };
}

function pairs({ keys }: TestData, wanted: (key: string) => boolean): unknown {
  const found = Object.entries(keys).filter(([key]) => wanted(key));
  if (found.length === 0) return undefined;
  return found.map(([Key, text]) => ({ Key, Value: Buffer.from(text).toString("base64") }));
}

function variable({ variables }: TestData, path: string): unknown {
  const items = variables[path];
  return items === undefined ? undefined : { Namespace: "default", Path: path, Items: items };
}

/** The names directly below a path; folders end in a slash. */
function listed(paths: readonly string[], folder: string): readonly string[] {
  const below = paths.filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1));
  return [...new Set(below.map((path) => (path.includes("/") ? `${path.split("/")[0]}/` : path)))];
}
