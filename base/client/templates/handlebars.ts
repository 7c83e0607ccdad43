import Handlebars from "handlebars";
import type { TemplateData, TemplateFunction } from "./template.ts";

export interface HandlebarsOptions {
  /** Templates that others take in: `{{> name}}`. */
  readonly partials?: Readonly<Record<string, string>>;
}

/**
 * Compiles a Handlebars template (https://handlebarsjs.com). Besides the built-in helpers it has
 * `{{#each (service "web")}}`, `{{#each (service "web" tag="v1")}}`, `{{#each (services)}}`, `{{kv "path"}}` and
 * `{{#each (kvPrefix "path/")}}`; what `model` returns is the context. Nothing is HTML-escaped: these are configuration files.
 * Throws, with line and column, when the template is malformed.
 */
export function compileHandlebars(
  source: string,
  model: (data: TemplateData) => object = () => ({}),
  { partials = {} }: HandlebarsOptions = {},
): TemplateFunction {
  const engine = Handlebars.create();
  // Compiling is lazy in Handlebars; parsing now reports a broken template at once.
  engine.parse(source);
  for (const [name, partial] of Object.entries(partials)) engine.registerPartial(name, partial);
  const template = engine.compile(source, { noEscape: true, strict: true, knownHelpersOnly: false });
  return (data) =>
    template(model(data), {
      helpers: {
        service: (name: unknown, options?: unknown) => data.service(String(name), tagOf(options)),
        services: () => data.services(),
        kv: (key: unknown) => data.key(String(key)) ?? "",
        kvPrefix: (prefix: unknown) => data.prefix(String(prefix)),
      },
    });
}

function tagOf(options: unknown): string {
  if (typeof options !== "object" || options === null || !("hash" in options)) return "";
  const { hash } = options;
  return typeof hash === "object" && hash !== null && "tag" in hash ? String(hash.tag) : "";
}
