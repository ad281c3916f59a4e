import { SelinuxError } from "../errors/index.js";
import { type Categories, formatCategories, parseCategories } from "./categories.js";

/** A SELinux context, taken apart. `low` and `high` are the categories of its range; a file has one level, so both are equal. */
export interface Context {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  readonly low: Categories;
  readonly high: Categories;
}

/** The one sensitivity of MCS policies; those with several (MLS) are not served. */
const SENSITIVITY = "s0";
const LEVEL = /^s0(?::(.+))?$/;

/** Throws SelinuxError "context-malformed" for what is no context of an MCS policy. */
export function parseContext(text: string): Context {
  const [user, role, type, ...rest] = text.split(":");
  const [lowText = "", highText = lowText, ...more] = rest.join(":").split("-");
  const [low, high] = [parseLevel(lowText), parseLevel(highText)];
  if (!user || !role || !type || low === null || high === null || more.length > 0) throw malformed(text);
  return { user, role, type, low, high };
}

/** As the kernel prints it, so that texts can be compared: mls_sid_to_context(), security/selinux/ss/mls.c. */
export function formatContext({ user, role, type, low, high }: Context): string {
  const [lowText, highText] = [formatLevel(low), formatLevel(high)];
  return `${user}:${role}:${type}:${lowText === highText ? lowText : `${lowText}-${highText}`}`;
}

function parseLevel(text: string): Categories | null {
  const match = LEVEL.exec(text);
  return match === null ? null : parseCategories(match[1] ?? "");
}

function formatLevel(categories: Categories): string {
  return categories.length === 0 ? SENSITIVITY : `${SENSITIVITY}:${formatCategories(categories)}`;
}

function malformed(text: string): SelinuxError {
  return new SelinuxError({
    code: "context-malformed",
    tried: `Cannot read the context ${JSON.stringify(text)}`,
    subject: text,
    answer: "it is not USER:ROLE:TYPE:s0[:CATEGORIES][-s0:CATEGORIES]",
    remedy: "Policies with several sensitivities (MLS) are not served; `id -Z` shows a context of this host.",
  });
}
