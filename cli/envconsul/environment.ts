import type { ServiceConfig, SourceConfig } from "./schema.ts";

export interface Naming {
  readonly sanitize: boolean;
  readonly upcase: boolean;
}

/** A key of Consul below a prefix, or of a secret. */
export interface Item {
  readonly key: string;
  readonly value: string;
}

/** One instance of a service. */
export interface ServiceItem {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly tag: string;
  readonly port: string;
}

/** The variables of a prefix: `no_prefix` (the default) names them by the rest of the key, else by prefix and rest. */
export function prefixVariables(config: SourceConfig, items: readonly Item[], naming: Naming): [string, string][] {
  const folder = config.path.split("@")[0]?.replaceAll(/^\/+|\/+$/g, "") ?? "";
  return items
    .filter(({ key }) => key !== "" && !key.endsWith("/"))
    .map(({ key, value }) => {
      const whole = (config.noPrefix ?? true) ? key : `${folder}/${key}`;
      return [nameOf(formatted(config.format, whole), naming), value];
    });
}

/** The variables of a secret: named by path and key, unless `no_prefix`. `keys` picks some and may name them anew. */
export function secretVariables(config: SourceConfig, items: readonly Item[], naming: Naming): [string, string][] {
  const folder =
    config.path
      .split("?")[0]
      ?.replaceAll(/^\/+|\/+$/g, "")
      .replaceAll("/", "_") ?? "";
  return items.flatMap(({ key, value }) => {
    const picked = config.keys.find(({ name }) => name === key);
    if (config.keys.length > 0 && picked === undefined) return [];
    const own = picked === undefined || picked.format === "" ? key : formatted(picked.format, key);
    const plain = formatted(config.format, own);
    const bare = config.noPrefix === true || (picked?.format ?? "") !== "";
    return [[nameOf(bare ? plain : `${folder}_${plain}`, naming), value] satisfies [string, string]];
  });
}

/** `SERVICE/id`, `/name`, `/address`, `/tag`, `/port`, unless a format names them otherwise. Of several instances the last counts. */
export function serviceVariables(
  config: ServiceConfig,
  items: readonly ServiceItem[],
  naming: Naming,
): [string, string][] {
  return items.flatMap((item) => {
    const parts: readonly (readonly [keyof ServiceItem, string])[] = [
      ["id", config.formatId],
      ["name", config.formatName],
      ["address", config.formatAddress],
      ["tag", config.formatTag],
      ["port", config.formatPort],
    ];
    return parts.map(([key, format]): [string, string] => {
      const wanted = format === "" ? "{{service}}/{{key}}" : format;
      const name = wanted
        .replaceAll(/\{\{\s*service\s*\}\}/g, () => item.name)
        .replaceAll(/\{\{\s*key\s*\}\}/g, () => key);
      return [nameOf(name, naming), item[key]];
    });
  });
}

function formatted(format: string, key: string): string {
  return format === "" ? key : format.replaceAll(/\{\{\s*key\s*\}\}/g, () => key).replaceAll("%s", () => key);
}

/** A slash becomes an underscore anyway when sanitized. */
function nameOf(name: string, { sanitize, upcase }: Naming): string {
  const clean = sanitize ? name.replaceAll(/[^A-Za-z0-9_]/g, "_") : name;
  return upcase ? clean.toUpperCase() : clean;
}
