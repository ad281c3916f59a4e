import * as z from "zod/mini";
import { LAYERS, type LayerStatus } from "../../spec/index.js";

z.config({ jitless: true });

// A parameter of this type holds a schema to the type of what is printed: one that lets less or other values through does not compile.
export type SchemaOf<Printed> = z.ZodMiniType<Printed>;

export const text = z.string();
export const texts = z.array(z.string());
export const count = z.int().check(z.nonnegative());
export const access = z.enum(["r", "w", "rw"]);
/** RLIMIT_INFINITY is -1. */
export const limit = z.int().check(z.minimum(-1));
export const schemaVersion = z.literal(1);
export const vm = text.check(z.describe("name of the VM"));

export const layer = z.enum(LAYERS);

/** What a layer is at. */
export const layerStatus: SchemaOf<LayerStatus> = z.union([
  z.strictObject({ status: z.literal("enforced") }),
  z.strictObject({ status: z.literal("partial"), lacks: texts, why: text }),
  z.strictObject({ status: z.literal("unavailable"), why: text }),
]);

/** A status for each layer. */
export const layerStatuses = z.record(layer, layerStatus);
