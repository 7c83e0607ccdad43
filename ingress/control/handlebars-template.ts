import { compileHandlebars } from "#base/client/templates/handlebars.ts";
import { PARTIALS } from "../config/template.ts";
import type { OwnTemplate } from "./own-template.ts";

/** A template in Handlebars, with the built-in one's parts as partials. Throws, with line and column, when it is malformed. */
export function handlebarsTemplate(text: string): OwnTemplate {
  compileHandlebars(text);
  return (model) => compileHandlebars(text, model, { partials: PARTIALS });
}
