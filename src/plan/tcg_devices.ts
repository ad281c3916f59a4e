import { PlanError } from "../errors/index.js";
import type { VmSpec } from "../spec/index.js";

/**
 * The first QEMU whose `x-pci-proxy-dev` crashes under TCG: proxy_intx_update() in hw/remote/proxy.c unbinds an irqfd that it
 * never bound, and kvm_irqchip_assign_irqfd() in accel/kvm/kvm-all.c no longer asks whether there is KVM at all, since 8.2
 * requires KVM_CAP_IRQFD. Seen as SIGSEGV in 10.0 and 11.1 without Bulkhead; 7.2 works.
 */
const FIRST_CRASHING = [8, 2] as const;

/** Throws PlanError "tcg-crashes" for devices under TCG in a QEMU that would die of them. `version`: the line of `--version`. */
export function requireTcgDevices(spec: VmSpec, vmm: { readonly accelWhy: string; readonly version: string }): void {
  const [major = 0, minor = 0] = (/version (\d+)\.(\d+)/.exec(vmm.version) ?? []).slice(1).map(Number);
  const crashes = major > FIRST_CRASHING[0] || (major === FIRST_CRASHING[0] && minor >= FIRST_CRASHING[1]);
  if (spec.devices.length === 0 || !crashes) return;
  throw new PlanError({
    code: "tcg-crashes",
    tried: `Cannot run VM "${spec.name}" with TCG (${vmm.accelWhy})`,
    subject: spec.source.locate(["machine", "accel"]),
    answer: `a VMM of QEMU ${FIRST_CRASHING.join(".")} or later crashes under TCG as soon as it has a proxied device, and this is ${vmm.version}`,
    remedy: "Use KVM, or name an installation of an earlier QEMU under `qemu` in the host file.",
  });
}
