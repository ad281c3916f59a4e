/** The module with one rule more, as CIL beside it, or with one line changed. */
export interface SelinuxMutant {
  readonly id: string;
  readonly more: string;
  readonly change: ((module: string) => string) | null;
}

/** Domains from which everything is tried. The module has the same rules for the other devices as for these two. */
const WHOLE = ["disk", "net", "vmm", "image_judge"].map(domainName);
/** Domains from which the one thing is tried that is another role's own. */
const OTHERS = ["serial", "usb", "audio", "watchdog"].map(domainName);
const DOMAINS = [...WHOLE, ...OTHERS];

function domainName(role: string): string {
  return `bulkhead_${role}_t`;
}

/** What a process of a VM must not do to something, by the type of that thing. */
const ACTS: Readonly<Record<string, readonly (readonly [objectClass: string, permission: string])[]>> = {
  bulkhead_image_t: [
    ["file", "read"],
    ["file", "write"],
    ["file", "open"],
    ["file", "execute"],
    ["file", "relabelfrom"],
  ],
  bulkhead_shared_image_t: [
    ["file", "read"],
    ["file", "write"],
  ],
  bulkhead_tap_t: [
    ["chr_file", "read"],
    ["chr_file", "write"],
    ["chr_file", "open"],
  ],
  bulkhead_memory_t: [
    ["file", "write"],
    ["file", "execute"],
  ],
  bulkhead_log_t: [["fifo_file", "read"]],
  bulkhead_root_t: [
    ["file", "write"],
    ["dir", "write"],
  ],
  bulkhead_program_t: [
    ["file", "write"],
    ["file", "execute_no_trans"],
  ],
  bulkhead_node_t: [
    ["chr_file", "create"],
    ["file", "execute"],
  ],
  bulkhead_monitor_t: [["unix_stream_socket", "connectto"]],
  bulkhead_channel_t: [["unix_stream_socket", "connectto"]],
  shadow_t: [
    ["file", "read"],
    ["file", "open"],
  ],
};

const ON_PROCESSES = ["ptrace", "signal", "sigkill", "transition"] as const;
const ON_ITSELF: readonly (readonly [objectClass: string, permission: string])[] = [
  ["process", "execmem"],
  ["process", "setexec"],
  ["process", "setcurrent"],
  ["tcp_socket", "create"],
  ["udp_socket", "create"],
  ["capability2", "audit_read"],
];

/** Every mutant of the module, in a fixed order. */
export function* selinuxMutants(): Generator<SelinuxMutant> {
  for (const domain of OTHERS) {
    yield allow(domain, "bulkhead_image_t", ["file", "read"]);
    yield allow(domain, "bulkhead_tap_t", ["chr_file", "write"]);
    yield withoutCategories(domain);
  }
  for (const domain of WHOLE) {
    for (const [type, acts] of Object.entries(ACTS)) for (const act of acts) yield allow(domain, type, act);
    for (const act of ON_ITSELF) yield allow(domain, "self", act);
    for (const target of [...DOMAINS, "bulkhead_t"].filter((other) => other !== domain)) {
      for (const permission of ON_PROCESSES) yield allow(domain, target, ["process", permission]);
      yield allow(domain, target, ["fd", "use"]);
    }
    yield withoutCategories(domain);
  }
}

function allow(domain: string, target: string, [objectClass, permission]: readonly [string, string]): SelinuxMutant {
  const more = `(allow ${domain} ${target} (${objectClass} (${permission})))`;
  return { id: `allow/${domain}/${target}/${objectClass}/${permission}`, more, change: null };
}

const CONSTRAINED = "(typeattributeset mcs_constrained_type (bulkhead_domain))";

/** The domain is no longer one that categories constrain. */
function withoutCategories(domain: string): SelinuxMutant {
  const without = `(typeattributeset mcs_constrained_type (and bulkhead_domain (not (${domain}))))`;
  return { id: `unconstrain/${domain}`, more: "", change: (module) => module.replace(CONSTRAINED, without) };
}
