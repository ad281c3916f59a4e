import { readdirSync, readFileSync } from "node:fs";
import type { Command } from "commander";
import { SelinuxInputError } from "../../errors/index.js";
import { CompiledPolicy } from "../../selinux/index.js";

export interface PolicyOption {
  readonly policy?: string;
}

export function addPolicyOption(command: Command): Command {
  return command.option("--policy <file>", "compiled policy to ask (default: the one that this host has loaded, else installed)");
}

const LOADED = "/sys/fs/selinux/policy";
/** Names the installed policy: selinux_config(5). */
const CONFIG = "/etc/selinux/config";

/** Throws SelinuxInputError "policy-unnamed" and those of CompiledPolicy.load(). */
export function loadPolicy({ policy }: PolicyOption): CompiledPolicy {
  const path = policy ?? findPolicy();
  if (path !== null) return CompiledPolicy.load(path);
  throw new SelinuxInputError({
    code: "policy-unnamed",
    tried: "Cannot ask a policy",
    subject: "--policy",
    answer: "this host has none, neither loaded nor installed",
    remedy: "Name a compiled one: --policy FILE.",
  });
}

function findPolicy(): string | null {
  try {
    readFileSync(`${LOADED.slice(0, LOADED.lastIndexOf("/"))}/enforce`);
    return LOADED;
  } catch {
    return findInstalled();
  }
}

function findInstalled(): string | null {
  try {
    const [, type] = /^SELINUXTYPE=(\S+)/m.exec(readFileSync(CONFIG, "utf8")) ?? [];
    const folder = `/etc/selinux/${type}/policy`;
    const names = readdirSync(folder).filter((name) => /^policy\.\d+$/.test(name));
    const newest = names.sort((a, b) => Number(b.slice("policy.".length)) - Number(a.slice("policy.".length)))[0];
    return newest === undefined ? null : `${folder}/${newest}`;
  } catch {
    return null;
  }
}
