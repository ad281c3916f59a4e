import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "../../errors/index.js";

/** Names the archive to build from when the host's own sources name no Debian archive. */
export const MIRROR_VARIABLE = "BULKHEAD_LAB_MIRROR";

/** Suites of the main Debian archive; update and security suites of the same hosts may lie elsewhere and are not taken. */
const ARCHIVE_SUITES = new Set([
  ...["bullseye", "bookworm", "trixie", "forky", "sid"],
  ...["oldoldstable", "oldstable", "stable", "testing", "unstable"],
]);

interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** Sources of one `.sources` file (deb822 stanzas: sources.list(5)); disabled stanzas are left out. */
export function parseDeb822Sources(text: string): AptSource[] {
  const withoutComments = text.replace(/^#.*\n?/gm, "");
  return withoutComments.split(/\n[ \t]*\n/).flatMap((stanza) => {
    const field = (name: string): string[] => {
      const found = new RegExp(`^${name}:((?:.*)(?:\\n[ \\t].*)*)`, "im").exec(stanza);
      return found?.[1]?.split(/\s+/).filter((word) => word !== "") ?? [];
    };
    if (!field("Types").includes("deb") || field("Enabled")[0] === "no") return [];
    return [{ uris: field("URIs"), suites: field("Suites"), components: field("Components") }];
  });
}

/** Sources of one `.list` file (`deb [options] uri suite component...`: sources.list(5)). */
export function parseListSources(text: string): AptSource[] {
  return text.split("\n").flatMap((line) => {
    const words = /^\s*deb\s+(?:\[[^\]]*\]\s*)?([^#]*)/.exec(line)?.[1]?.trim().split(/\s+/) ?? [];
    const [uri, suite, ...components] = words;
    return uri === undefined || suite === undefined ? [] : [{ uris: [uri], suites: [suite], components }];
  });
}

/** The first URI that serves a suite of the main Debian archive with component `main`, or null. */
export function chooseArchive(sources: readonly AptSource[]): string | null {
  const archive = sources.find(
    (source) => source.components.includes("main") && source.suites.some((suite) => ARCHIVE_SUITES.has(suite)),
  );
  return archive?.uris.find((uri) => /^(https?|file):/.test(uri)) ?? null;
}

/**
 * The Debian archive that this host already uses, from `/etc/apt`, or what BULKHEAD_LAB_MIRROR names.
 * Throws HostError "lab-no-mirror" when neither names one.
 */
export async function findDebianMirror(aptDirectory = "/etc/apt"): Promise<string> {
  const named = process.env[MIRROR_VARIABLE];
  if (named !== undefined && named !== "") return named;
  const parts = join(aptDirectory, "sources.list.d");
  const files = [join(aptDirectory, "sources.list"), ...(await listDirectory(parts)).map((name) => join(parts, name))];
  const sources: AptSource[] = [];
  for (const file of files) {
    const text = await readFile(file, "utf8").catch(() => "");
    if (file.endsWith(".sources")) sources.push(...parseDeb822Sources(text));
    if (file.endsWith(".list")) sources.push(...parseListSources(text));
  }
  const archive = chooseArchive(sources);
  if (archive !== null) return archive;
  throw new HostError({
    code: "lab-no-mirror",
    tried: "Cannot build the lab",
    subject: aptDirectory,
    answer: `the sources in ${aptDirectory} name no Debian archive`,
    remedy: `Set ${MIRROR_VARIABLE} to the URI of one.`,
  });
}

async function listDirectory(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(() => [])).sort();
}
