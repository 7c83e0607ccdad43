import { flag, text } from "#base/language/hcl/decode/readers.ts";
import type { Fields } from "#base/language/hcl/decode/table.ts";
import { UsageError } from "../command/command.ts";
import { add, type ToolFlag } from "../template/config/go-flags.ts";
import { isFields } from "../template/config/merge.ts";
import { SHARED_FLAGS, toggle } from "../template/config/shared-flags.ts";

const path = (value: unknown): Fields => ({ path: value });

/** envconsul's command line. */
export const ENVCONSUL_FLAGS: Readonly<Record<string, ToolFlag>> = {
  ...SHARED_FLAGS,
  prefix: source("prefixes", "Keys of Consul below this prefix become variables; later ones win"),
  secret: source("secrets", "A secret of Vault whose keys become variables; secrets win over keys"),
  "service-query": {
    value: "tag.service@dc",
    summary: "A service of Consul whose address and port become variables",
    read: text,
    apply: (into, value) => add("services")(into, { query: value }),
  },
  service: { ...serviceAlias() },
  "service-format-id": format("formatId", "id"),
  "service-format-name": format("formatName", "name"),
  "service-format-address": format("formatAddress", "address"),
  "service-format-tag": format("formatTag", "tag"),
  "service-format-port": format("formatPort", "port"),
  "no-prefix": {
    value: "",
    summary: "Variables are named by the key alone, without its folder",
    read: flag,
    apply: (into, value) => ({ ...into, noPrefix: value }),
  },
  pristine: toggle("pristine", "The program gets these variables only, and none of ours"),
  sanitize: toggle("sanitize", "Characters that no variable's name may have become underscores"),
  upcase: toggle("upcase", "Names in capitals"),
};

function source(field: string, summary: string): ToolFlag {
  return { value: "path", summary, read: text, apply: (into, value) => add(field)(into, path(value)) };
}

function serviceAlias(): ToolFlag {
  return {
    value: "tag.service@dc",
    summary: "",
    read: text,
    apply: (into, value) => add("services")(into, { query: value }),
    old: true,
  };
}

/** Of the query before it on the command line. */
function format(field: string, part: string): ToolFlag {
  return {
    value: "format",
    summary: `How the variable of a service's ${part} is named; {{service}} and {{key}} stand for their names`,
    read: text,
    apply: (into, value) => {
      const services: readonly unknown[] = Array.isArray(into["services"]) ? into["services"] : [];
      const last = services.at(-1);
      if (!isFields(last)) throw new UsageError(`-service-format-${part} has to come after its -service-query`);
      return { ...into, services: [...services.slice(0, -1), { ...last, [field]: value }] };
    },
  };
}
