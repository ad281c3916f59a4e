import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fingerprint, REPOSITORY } from "../repository.mjs";

/**
 * Builds when the sources differ from those of the last build that succeeded, or when a product is missing.
 * `extra` is text that the products depend on besides files. A build fails by throwing or by answering false.
 */
export function buildOnChange({ stamp, sources, products, extra = "" }, build) {
  const stampFile = join(REPOSITORY, stamp);
  const current = `${fingerprint(sources)} ${extra}\n`;
  const built = existsSync(stampFile) ? readFileSync(stampFile, "utf8") : null;
  if (built === current && products.every((product) => existsSync(join(REPOSITORY, product)))) return;
  if (build() === false) return;
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, current);
}
