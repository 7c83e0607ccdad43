import type { Result } from "#base/env/errors.ts";
import { parseTemplate } from "#base/language/go-template/parse-templates.ts";
import type { FunctionTable } from "#base/language/go-template/function.ts";
import {
  ANY,
  f0,
  f1,
  f2,
  f3,
  INT,
  STRING,
  type Defined,
  type Outcome,
} from "#base/language/go-template/functions/define.ts";
import { takeUint } from "#base/language/go-template/param.ts";
import { typeOf } from "#base/language/go-template/type-of.ts";
import { GoError, sliceOf, type GoValue, type Param } from "#base/language/go-template/value.ts";
import { InterfaceAddress, interfaceListType, type InterfaceInput } from "./interface-address.ts";
import { parseIp } from "./ip.ts";
import { isForwardable, isPrivate } from "./networks.ts";
import { computeAddress, selectTest, sortAddresses, type Addresses } from "./select.ts";

const ADDRESSES: Param<Addresses> = {
  type: interfaceListType,
  take: (value) =>
    Array.isArray(value) && typeOf(value).name === interfaceListType.name
      ? value.filter((item) => item instanceof InterfaceAddress)
      : undefined,
};

/** Renders `{{ pipeline }}` with go-sockaddr's functions and those of the language. */
export function evaluateSockaddr(pipeline: string, interfaces: () => readonly InterfaceInput[]): string | GoError {
  const functions = sockaddrFunctions(interfaces);
  const parsed = parseTemplate({ name: "sockaddr.Parse", text: `{{ ${pipeline} }}`, functions });
  if (!parsed.ok) return new GoError(parsed.message);
  const rendered = parsed.template.execute(null);
  return rendered.ok ? rendered.text : new GoError(rendered.message);
}

/** The functions of go-sockaddr's template language (https://pkg.go.dev/github.com/hashicorp/go-sockaddr/template). */
function sockaddrFunctions(interfaces: () => readonly InterfaceInput[]): FunctionTable {
  const all = (): Addresses =>
    interfaces().flatMap((input) => {
      const ip = parseIp(input.cidr);
      return ip === undefined ? [] : [new InterfaceAddress(ip, input)];
    });
  /** Of interfaces that are up, the default route's first, IPv4 first, large networks first. */
  const usable = (test: (address: InterfaceAddress) => boolean): Addresses => {
    const sorted = sortAddresses(all(), "default,type,size");
    return sorted.ok ? sorted.value.filter((a) => isForwardable(a.ip) && a.input.flags.includes("up") && test(a)) : [];
  };
  const named = (pattern: string, test: (address: InterfaceAddress) => boolean): Outcome => {
    const matches = selectTest("name", pattern);
    if (!matches.ok) return new GoError(matches.error.message);
    const sorted = sortAddresses(
      all().filter((a) => matches.value(a) && test(a)),
      "+type,+size",
    );
    return sorted.ok ? joined(sorted.value) : new GoError(sorted.error.message);
  };
  const ofInternet = (wanted: boolean): Addresses => {
    const sorted = sortAddresses(all(), "type,size");
    return sorted.ok ? sorted.value.filter((a) => isPrivate(a.ip) === wanted && isForwardable(a.ip)) : [];
  };
  const sources: readonly Defined[] = [
    f0("GetAllInterfaces", () => list(all())),
    f0("GetDefaultInterfaces", () => list(all().filter(({ input }) => input.isDefault))),
    f0("GetPrivateInterfaces", () => list(usable(({ ip }) => isPrivate(ip)))),
    f0("GetPublicInterfaces", () => list(usable(({ ip }) => !isPrivate(ip)))),
    f0("GetPrivateIP", () => first(usable(({ ip }) => isPrivate(ip)))),
    f0("GetPublicIP", () => first(usable(({ ip }) => !isPrivate(ip)))),
    f0("GetPrivateIPs", () => joined(ofInternet(true))),
    f0("GetPublicIPs", () => joined(ofInternet(false))),
    f1("GetInterfaceIP", [STRING], (pattern) => {
      const found = named(pattern, ({ ip }) => isForwardable(ip));
      return typeof found === "string" ? (found.split(" ")[0] ?? "") : found;
    }),
    f1("GetInterfaceIPs", [STRING], (pattern) => named(pattern, () => true)),
  ];
  return new Map([...sources, ...LIST_FUNCTIONS].map(({ name, value }) => [name, value]));
}

const LIST_FUNCTIONS: readonly Defined[] = [
  f2("sort", [STRING, ADDRESSES], (criteria, addresses) => listed(sortAddresses(addresses, criteria))),
  f3("include", [STRING, STRING, ADDRESSES], (selector, argument, addresses) => {
    const test = selectTest(selector, argument);
    return test.ok ? list(addresses.filter(test.value)) : new GoError(test.error.message);
  }),
  f3("exclude", [STRING, STRING, ADDRESSES], (selector, argument, addresses) => {
    const test = selectTest(selector, argument);
    return test.ok ? list(addresses.filter((each) => !test.value(each))) : new GoError(test.error.message);
  }),
  f2("unique", [STRING, ADDRESSES], (by, addresses) => {
    const attribute = { address: "string", name: "name" }[by.toLowerCase()];
    if (attribute === undefined) return new GoError(`unsupported unique constraint ${JSON.stringify(by)}`);
    const keys = addresses.map((each) => each.attribute(attribute));
    return list(addresses.filter((_, index) => index === 0 || keys[index] !== keys[index - 1]));
  }),
  f2("limit", [takeUint, ADDRESSES], (count, addresses) => list(addresses.slice(0, Number(count)))),
  f2("offset", [INT, ADDRESSES], (count, addresses) => {
    const size = count < 0n ? -count : count;
    if (size <= addresses.length) return list(addresses.slice(Number(count)));
    const reason = `offset (${size}) exceeds the number of interfaces (${addresses.length})`;
    return new GoError(`unable to seek past the end of the interface array: ${reason}`);
  }),
  f3("join", [STRING, STRING, ADDRESSES], (attribute, separator, addresses) =>
    addresses.map((each) => each.attribute(attribute)).join(separator),
  ),
  f3("math", [STRING, STRING, ADDRESSES], (operation, argument, addresses) => {
    const results: InterfaceAddress[] = [];
    for (const address of addresses) {
      const result = computeAddress(operation, argument, address);
      if (!result.ok) return new GoError(result.error.message);
      results.push(result.value);
    }
    return list(results);
  }),
  ...["attr", "Attr"].map((name) => f2(name, [STRING, ANY], attribute)),
];

function attribute(name: string, value: GoValue): Outcome {
  const addresses = value instanceof InterfaceAddress ? [value] : ADDRESSES.take(value);
  if (addresses === undefined) return new GoError(`unable to obtain attribute ${name} from type ${typeOf(value).name}`);
  return addresses[0]?.attribute(name) ?? "";
}

function list(addresses: Addresses): GoValue {
  return sliceOf(interfaceListType, addresses);
}

function listed(result: Result<Addresses>): Outcome {
  return result.ok ? list(result.value) : new GoError(result.error.message);
}

function first(addresses: Addresses): string {
  return addresses[0]?.attribute("address") ?? "";
}

function joined(addresses: Addresses): string {
  return addresses.map((each) => each.attribute("address")).join(" ");
}
