import { readFileSync } from "node:fs";
import { PolicyBytes } from "./policy_bytes.js";

/** Versions from which a policy has these parts: libsepol/include/sepol/policydb/policydb.h. */
const VERSION = {
  validatetrans: 19,
  policycaps: 22,
  permissive: 23,
  bounds: 24,
  defaultObject: 27,
  defaultType: 28,
  typeNames: 29,
};
/** Magic number, length of a name, that name: CompiledPolicy.load() has checked them. */
const HEADER_BYTES = 4 + 4 + 8;
/** CEXPR_NAMES of libsepol/include/sepol/policydb/constraint.h: an expression that carries a set of names. */
const EXPRESSION_NAMES = 5;

/**
 * The types of a compiled policy that are permissive: what they are refused is logged and let through. libsepol does not tell, so
 * the file is read: policydb_read() of libsepol/src/policydb.c. Null where the policy is older than such types (version 23).
 */
export function readPermissiveTypes(path: string): string[] | null {
  const bytes = new PolicyBytes(readFileSync(path));
  bytes.skip(HEADER_BYTES);
  const version = bytes.word();
  if (version < VERSION.permissive) return null;
  // Config, number of symbol tables, number of object contexts.
  bytes.skip(3 * 4);
  bytes.bitmap();
  const permissive = new Set(bytes.bitmap());
  skipCommons(bytes);
  skipClasses(bytes, version);
  skipRoles(bytes, version);
  return readTypes(bytes, version)
    .filter(({ value }) => permissive.has(value))
    .map(({ name }) => name);
}

function skipCommons(bytes: PolicyBytes): void {
  bytes.table(() => {
    const nameLength = bytes.word();
    bytes.skip(2 * 4);
    const permissions = bytes.word();
    bytes.skip(nameLength);
    skipPermissions(bytes, permissions);
  });
}

function skipPermissions(bytes: PolicyBytes, count: number): void {
  for (let index = 0; index < count; index += 1) {
    const nameLength = bytes.word();
    bytes.skip(4 + nameLength);
  }
}

function skipClasses(bytes: PolicyBytes, version: number): void {
  bytes.table(() => {
    const [nameLength, commonLength] = [bytes.word(), bytes.word()];
    bytes.skip(2 * 4);
    const [permissions, constraints] = [bytes.word(), bytes.word()];
    bytes.skip(nameLength + commonLength);
    skipPermissions(bytes, permissions);
    skipConstraints(bytes, constraints, version);
    if (version >= VERSION.validatetrans) skipConstraints(bytes, bytes.word(), version);
    if (version >= VERSION.defaultObject) bytes.skip(3 * 4);
    if (version >= VERSION.defaultType) bytes.skip(4);
  });
}

function skipConstraints(bytes: PolicyBytes, count: number, version: number): void {
  for (let index = 0; index < count; index += 1) {
    bytes.skip(4);
    const expressions = bytes.word();
    for (let expression = 0; expression < expressions; expression += 1) {
      const type = bytes.word();
      bytes.skip(2 * 4);
      if (type !== EXPRESSION_NAMES) continue;
      bytes.bitmap();
      if (version < VERSION.typeNames) continue;
      bytes.bitmap();
      bytes.bitmap();
      bytes.skip(4);
    }
  }
}

function skipRoles(bytes: PolicyBytes, version: number): void {
  bytes.table(() => {
    const nameLength = bytes.word();
    bytes.skip(4 + (version >= VERSION.bounds ? 4 : 0) + nameLength);
    bytes.bitmap();
    bytes.bitmap();
  });
}

function readTypes(bytes: PolicyBytes, version: number): { readonly name: string; readonly value: number }[] {
  const types: { name: string; value: number }[] = [];
  bytes.table(() => {
    const nameLength = bytes.word();
    const value = bytes.word();
    // Properties and bounds, before version 24 whether it is the primary name.
    bytes.skip(version >= VERSION.bounds ? 2 * 4 : 4);
    types.push({ name: bytes.text(nameLength), value });
  });
  return types;
}
