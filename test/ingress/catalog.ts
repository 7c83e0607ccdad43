import type { Instance } from "#base/client/templates/dependency.ts";
import type { TemplateData } from "#base/client/templates/template.ts";

export const instance = (name: string, at: number, tags: readonly string[]): Instance => ({
  id: `${name}-${at}`,
  name,
  node: "n1",
  address: "127.0.0.1",
  port: 20_000 + at,
  tags,
  meta: {},
  passing: true,
  createIndex: at,
});

/** A catalog that holds these, and nothing but these keys. */
export function dataOf(instances: readonly Instance[], keys: Readonly<Record<string, string>> = {}): TemplateData {
  const byName = Map.groupBy(instances, ({ name }) => name);
  const of = (name: string): readonly Instance[] => byName.get(name) ?? [];
  return {
    services: () =>
      Object.fromEntries([...byName].map(([name, all]) => [name, [...new Set(all.flatMap(({ tags }) => tags))]])),
    service: (name) => of(name).filter(({ passing }) => passing),
    everyInstance: of,
    key: (key) => keys[key],
    prefix: (prefix) =>
      Object.entries(keys)
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, value]) => ({ key, value })),
  };
}
