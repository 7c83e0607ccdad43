/** A page of objects, from `ListObjectsV2`. */
export interface ObjectPage {
  readonly objects: readonly { readonly key: string; readonly bytes: number }[];
  /** Undefined: it is the last one. */
  readonly next: string | undefined;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html ; undefined where it is no such answer. */
export function readObjectPage(xml: string): ObjectPage | undefined {
  if (!/<ListBucketResult[\s>/]/.test(xml)) return undefined;
  const objects = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].flatMap(([, content = ""]) => {
    const key = element(content, "Key");
    const bytes = Number(element(content, "Size") ?? Number.NaN);
    return key === undefined || !Number.isSafeInteger(bytes) ? [] : [{ key, bytes }];
  });
  const more = element(xml, "IsTruncated") === "true";
  return { objects, next: more ? element(xml, "NextContinuationToken") : undefined };
}

/** What an error answer says, for people. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
export function readS3Error(xml: string): string {
  const code = element(xml, "Code");
  const message = element(xml, "Message");
  return [code, message].filter((part) => part !== undefined && part !== "").join(": ");
}

function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replaceAll(/&(amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);/g, (_, entity: string) => charOf(entity));
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function charOf(entity: string): string {
  const named = NAMED[entity];
  if (named !== undefined) return named;
  const code = entity.startsWith("#x") ? Number.parseInt(entity.slice(2), 16) : Number(entity.slice(1));
  return code <= 0x10_ff_ff ? String.fromCodePoint(code) : "";
}
