import { loadZod } from "./deferred_zod.js";
import { hostSchema } from "./host_schema.js";
import { vmSchema } from "./vm_schema.js";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** JSON Schema (draft 2020-12) of a VM file as it is written, made from what checks it. Published in docs/schema/. */
export function vmFileJsonSchema(): JsonSchema {
  const title = "Bulkhead VM file";
  return { title, ...loadZod().toJSONSchema(vmSchema(), { io: "input", target: "draft-2020-12" }) };
}

/** JSON Schema (draft 2020-12) of a host file as it is written, made from what checks it. Published in docs/schema/. */
export function hostFileJsonSchema(): JsonSchema {
  const title = "Bulkhead host file";
  return { title, ...loadZod().toJSONSchema(hostSchema(), { io: "input", target: "draft-2020-12" }) };
}
