/** One access that SELinux refused, or in a permissive domain would have refused. */
export interface Denial {
  readonly permissions: readonly string[];
  readonly pid: number;
  /** Name of the thread, at most 15 bytes. */
  readonly comm: string;
  /** What it was tried on, where the kernel knows: a path, else a name; null when neither was logged. */
  readonly object: string | null;
  readonly sourceContext: string;
  readonly targetContext: string;
  readonly objectClass: string;
  /** True: logged only, the access went through. */
  readonly permissive: boolean;
  /** The record as the kernel wrote it. */
  readonly text: string;
}

/** Reads one `avc:  denied` record; null for every other line. Source: security/selinux/avc.c, avc_audit_pre_callback. */
export function parseDenial(text: string): Denial | null {
  const head = /avc:\s+denied\s+\{ ([^}]*) \} for /.exec(text);
  if (head === null) return null;
  const field = (name: string): string | null => new RegExp(` ${name}=("[^"]*"|\\S+)`).exec(text)?.[1] ?? null;
  return {
    permissions: head[1]?.split(" ") ?? [],
    pid: Number(field("pid")),
    comm: decode(field("comm") ?? ""),
    object: [field("path"), field("name")].filter((value) => value !== null).map(decode)[0] ?? null,
    sourceContext: field("scontext") ?? "",
    targetContext: field("tcontext") ?? "",
    objectClass: field("tclass") ?? "",
    permissive: field("permissive") === "1",
    text,
  };
}

/** A string of the audit log: quoted, or in hexadecimal when it has a quote, a blank or a control character. */
function decode(value: string): string {
  if (value.startsWith('"')) return value.slice(1, -1);
  return /^(?:[0-9A-F]{2})+$/.test(value) ? Buffer.from(value, "hex").toString("utf8") : value;
}
