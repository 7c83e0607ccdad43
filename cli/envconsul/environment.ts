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

/** The variables of a prefix: named by the rest of the key (`no_prefix`, the default here), else by prefix and rest. */
export function prefixVariables(config: SourceConfig, items: readonly Item[], naming: Naming): [string, string][] {
  return items
    .filter(({ key }) => key.trim() !== "" && !key.endsWith("/"))
    .map(({ key, value }) => {
      const whole = (config.noPrefix ?? true) ? key : `${folderName(config.path)}_${key}`;
      return [nameOf(formatted(config.format, whole), naming), value];
    });
}

/** The variables of a secret: named by path and key, unless `no_prefix`. `keys` picks some and may name them anew. */
export function secretVariables(config: SourceConfig, items: readonly Item[], naming: Naming): [string, string][] {
  return items.flatMap(({ key, value }) => {
    const picked = config.keys.find(({ name }) => name === key);
    if (key.trim() === "" || (config.keys.length > 0 && picked === undefined)) return [];
    if (picked !== undefined && picked.format !== "") return [[nameOf(formatted(picked.format, key), naming), value]];
    const whole = config.noPrefix === true ? key : `${folderName(config.path)}_${key}`;
    return [[nameOf(formatted(config.format, whole), naming), value]];
  });
}

function folderName(path: string): string {
  return path.replaceAll(/[^A-Za-z0-9_]/g, "_");
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
