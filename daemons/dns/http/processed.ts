import { messageOf } from "#base/env/errors.ts";
import type { Reply } from "#base/http/route.ts";
import { badRequest } from "./api-error.ts";

/** What became of several items that came at once: `{"success":[{"item"}],"errors":[{"item","error"}]}`. */
export class Processed {
  readonly success: { readonly item: string }[] = [];
  readonly errors: { readonly item: string; readonly error: string }[] = [];

  /** What `work` throws is this item's error alone. */
  run(item: string, work: () => void): void {
    try {
      work();
      this.success.push({ item });
    } catch (thrown) {
      this.errors.push({ item, error: messageOf(thrown) });
    }
  }
}

/** 201 when something was made; the items, and what became of each. */
export function createdReply(key: string, items: readonly unknown[], processed: Processed): Reply {
  const { success, errors } = processed;
  return { kind: "json", status: 201, value: { [key]: items, processed: { success, errors } } };
}

/** One or several, as clients may send either. */
export function several(given: string | readonly string[]): readonly string[] {
  const items = typeof given === "string" ? [given] : given;
  if (items.length === 0) throw badRequest("there is nothing to add");
  return items;
}
