import * as v from "valibot";
import { MEMBER_ROLES } from "#base/protocol/cluster.ts";

/** Name of the file with what the seed wants, until this machine is a member. */
export const WISH = "wish.json";

export const WishSchema = v.object({
  join: v.optional(v.object({ address: v.string(), token: v.string() })),
  role: v.optional(v.picklist(MEMBER_ROLES)),
});
export type Wish = v.InferOutput<typeof WishSchema>;
