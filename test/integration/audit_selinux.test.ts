import * as assert from "uvu/assert";
import { CHECKS, readCompiledFacts, runChecks } from "../../src/audit/index.js";
import { CompiledPolicy } from "../../src/selinux/index.js";
import { suite } from "../support/harness.js";
import { compileModule } from "../support/selinux/compile_policy.js";

/** Each policy takes secilc some 0.3 s of CPU time. */
const test = suite("audit of compiled SELinux policies", { needs: ["secilc"], timeoutMs: 20_000 });

/** Ids and subjects of what is found when the module is compiled with more beside it. */
function found(more = ""): string[] {
  const compiled = compileModule(more);
  try {
    assert.ok(compiled.path, compiled.said);
    const facts = readCompiledFacts(compiled.path, CompiledPolicy.load(compiled.path));
    const { findings } = runChecks(CHECKS, [facts]);
    return findings.map(({ id, subject }) => `${id}: ${subject.slice(facts.subject.length + 2)}`);
  } finally {
    compiled.remove();
  }
}

const DEVICES = ["disk", "net", "serial", "usb", "audio", "watchdog"];
/** Devices use the memfd that their VMM made: docs/selinux.md, What it does not do. */
const KNOWN = DEVICES.map((role) => `selinux-unconstrained-reach: bulkhead_${role}_t, bulkhead_vmm_t, fd`);

test("the module on its base policy: nothing but the fds that the protocol needs", () => {
  assert.equal(found(), KNOWN);
});

/** A domain of another manager, as its module declares it, and with what is wrong with it. */
const SVIRT =
  "(type svirt_t)(roletype system_r svirt_t)(typeattributeset domain (svirt_t))(allow svirt_t self (process (signal)))" +
  "(allow unconfined_t svirt_t (process (transition)))";
const CONSTRAINED = "(typeattributeset mcs_constrained_type (svirt_t))(allow unconfined_t svirt_t (process2 (nnp_transition)))";
const PERMISSIVE = "(typepermissive bulkhead_net_t)(typepermissive kernel_t)";

test("permissive domains, a domain without the attribute, a transition that no_new_privs stops: each by its name", () => {
  const more = found(SVIRT + PERMISSIVE).filter((one) => !KNOWN.includes(one));
  assert.equal(more.sort(), [
    "selinux-mcs-unconstrained: svirt_t",
    "selinux-nnp-transition: unconfined_t to svirt_t",
    "selinux-permissive: bulkhead_net_t",
    "selinux-permissive: kernel_t",
  ]);
});

test("the same domain, constrained and entered as it should be: nothing more", () => {
  assert.equal(found(SVIRT + CONSTRAINED), KNOWN);
});

test.run();
