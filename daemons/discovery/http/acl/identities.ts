import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { list, text, texts } from "#base/protocol/schema.ts";

/** Of a token or a role: rules that follow from a name. https://developer.hashicorp.com/consul/api-docs/acl/tokens */
export const identityFields = {
  ServiceIdentities: list(v.object({ ServiceName: text, Datacenters: texts })),
  NodeIdentities: list(v.object({ NodeName: text, Datacenter: text })),
  TemplatedPolicies: list(
    v.object({
      TemplateName: text,
      TemplateVariables: v.nullish(v.object({ Name: text }), () => ({ Name: "" })),
      Datacenters: texts,
    }),
  ),
};
const IdentityFields = v.object(identityFields);
export type IdentityFields = v.InferOutput<typeof IdentityFields>;

/** The templates that are known, and whether they need a name. */
export const TEMPLATES: Readonly<Record<string, boolean>> = {
  "builtin/service": true,
  "builtin/node": true,
  "builtin/dns": false,
};

const SERVICE_NAME = /^[a-z0-9](?:[a-z0-9\-_]{0,254}[a-z0-9])?$/;
const NODE_NAME = /^[a-z0-9](?:[a-z0-9\-_.]{0,254}[a-z0-9])?$/;

/** As they are stored. Throws a 400 for a bad name, an unknown template and another datacenter. */
export function identitiesOf(fields: IdentityFields, datacenter: string): string[] {
  const here = (given: readonly string[]): void => {
    const other = given.find((name) => name !== "" && name !== datacenter);
    if (other !== undefined) throw new HttpError(400, `there is no datacenter ${JSON.stringify(other)} here`);
  };
  const services = fields.ServiceIdentities.map(({ ServiceName, Datacenters }) => {
    here(Datacenters);
    return `service/${checked("Service identity", ServiceName, SERVICE_NAME)}`;
  });
  const nodes = fields.NodeIdentities.map(({ NodeName, Datacenter }) => {
    here([Datacenter]);
    return `node/${checked("Node identity", NodeName, NODE_NAME)}`;
  });
  const templates = fields.TemplatedPolicies.map(({ TemplateName, TemplateVariables, Datacenters }) => {
    here(Datacenters);
    const needsName = TEMPLATES[TemplateName];
    if (needsName === undefined) {
      const known = Object.keys(TEMPLATES).join(", ");
      throw new HttpError(
        400,
        `no such ACL templated policy with Name ${JSON.stringify(TemplateName)}; known: ${known}`,
      );
    }
    const pattern = TemplateName === "builtin/node" ? NODE_NAME : SERVICE_NAME;
    return needsName
      ? `${TemplateName}/${checked(`Templated policy ${TemplateName}`, TemplateVariables.Name, pattern)}`
      : `${TemplateName}/`;
  });
  return [...services, ...nodes, ...templates];
}

function checked(what: string, name: string, pattern: RegExp): string {
  if (pattern.test(name)) return name;
  throw new HttpError(
    400,
    `${what} has an invalid name ${JSON.stringify(name)}: expected small letters, digits, dashes and underscores`,
  );
}

/** As Consul's clients read them; fields without entries are left out. */
export function identityAnswer(identities: readonly string[], datacenter: string): Partial<IdentityFields> {
  const of = (kind: string): string[] =>
    identities.filter((each) => each.startsWith(`${kind}/`)).map((each) => each.slice(kind.length + 1));
  const ServiceIdentities = of("service").map((ServiceName) => ({ ServiceName, Datacenters: [] }));
  const NodeIdentities = of("node").map((NodeName) => ({ NodeName, Datacenter: datacenter }));
  const TemplatedPolicies = of("builtin").map((each) => {
    const [template = "", Name = ""] = each.split("/");
    return { TemplateName: `builtin/${template}`, TemplateVariables: { Name }, Datacenters: [] };
  });
  return {
    ...(ServiceIdentities.length === 0 ? {} : { ServiceIdentities }),
    ...(NodeIdentities.length === 0 ? {} : { NodeIdentities }),
    ...(TemplatedPolicies.length === 0 ? {} : { TemplatedPolicies }),
  };
}
