import { mapOf, type Value } from "../evaluate/value.ts";
import { Fault, type Given } from "./function.ts";

/** RFC 4180: a header line, then a line per object. */
export function parse(text: string): Given {
  const rows = rowsOf(text);
  if (rows instanceof Fault) return rows;
  const [header, ...lines] = rows;
  if (header === undefined) return new Fault("the header line is missing");
  const objects: Value[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.length !== header.length)
      return new Fault(`line ${index + 2} has ${line.length} fields, the header ${header.length}`);
    objects.push(mapOf(header.map((name, column) => [name, line[column] ?? ""])));
  }
  return objects;
}

const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;

function rowsOf(text: string): readonly (readonly string[])[] | Fault {
  const rows: string[][] = [];
  let row: string[] = [];
  FIELD.lastIndex = 0;
  while (FIELD.lastIndex < text.length || row.length > 0) {
    const at = FIELD.lastIndex;
    const match = FIELD.exec(text);
    if (match === null) return new Fault(`bad quoting at character ${at + 1}`);
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === ",") continue;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
    if (match[3] === "") break;
  }
  return rows;
}
