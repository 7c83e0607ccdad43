import type { Dependency, DependencyValue, Instance, Pair, Services } from "./dependency.ts";

/**
 * What a template may ask for while it renders. Every question is remembered as a dependency; one that has no answer
 * yet gives nothing, and the pass does not count.
 */
export interface TemplateData {
  services(): Services;
  /** Those whose checks pass. */
  service(name: string, tag?: string): readonly Instance[];
  /** Those whose checks fail, too. */
  everyInstance(name: string): readonly Instance[];
  key(key: string): string | undefined;
  prefix(prefix: string): readonly Pair[];
}

/** A template of any language: renders text from data. Throws when the template itself is at fault. */
export type TemplateFunction = (data: TemplateData) => string;

export interface Pass {
  readonly text: string;
  readonly asked: ReadonlyMap<string, Dependency>;
  /** Some of what it asked for is not known yet. */
  readonly incomplete: boolean;
}

/** Renders once with what is known. */
export function renderPass(
  template: TemplateFunction,
  known: (dependency: Dependency) => DependencyValue | undefined,
  keyOf: (dependency: Dependency) => string,
): Pass {
  const asked = new Map<string, Dependency>();
  let incomplete = false;
  const ask = (dependency: Dependency): DependencyValue | undefined => {
    asked.set(keyOf(dependency), dependency);
    const value = known(dependency);
    if (value === undefined) incomplete = true;
    return value;
  };
  const text = template({
    services: () => {
      const value = ask({ kind: "services" });
      return value?.kind === "services" ? value.services : {};
    },
    service: (name, tag = "") => {
      const value = ask({ kind: "service", name, tag });
      return value?.kind === "service" ? value.instances : [];
    },
    everyInstance: (name) => {
      const value = ask({ kind: "service", name, tag: "", failing: true });
      return value?.kind === "service" ? value.instances : [];
    },
    key: (key) => {
      const value = ask({ kind: "key", key });
      return value?.kind === "pairs" ? value.pairs[0]?.value : undefined;
    },
    prefix: (prefix) => {
      const value = ask({ kind: "prefix", prefix });
      return value?.kind === "pairs" ? value.pairs : [];
    },
  });
  return { text, asked, incomplete };
}
