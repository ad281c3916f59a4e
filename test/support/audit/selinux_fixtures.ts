import { readCilFacts, type SelinuxFacts } from "../../../src/audit/index.js";
import type { MatrixCell } from "../../../src/selinux/index.js";
import type { CheckFixtures } from "./fixture.js";

/** Two domains and who starts them, in order. */
const SOUND = `
(typeattribute mcs_constrained_type)
(typeattribute guests)
(type launcher_t)
(type vmm_t)
(type disk_t)
(roletype system_r vmm_t)
(roletype system_r disk_t)
(typeattributeset guests (or vmm_t disk_t))
(typeattributeset mcs_constrained_type (guests))
(allow launcher_t guests (process (transition)))
(allow launcher_t guests (process2 (nnp_transition nosuid_transition)))
(allow guests self (fd (use)))
`;

const cil = (change: (text: string) => string) => () => readCilFacts("fixture.cil", change(SOUND));
const sound = cil((text) => text);

const REFUSED: MatrixCell = {
  source: "disk0",
  target: "disk1",
  sameVm: true,
  act: "read its image",
  allowed: false,
  byType: false,
  byCategory: true,
};
const withCell = (cell: MatrixCell) => (): SelinuxFacts => ({ ...sound(), cells: [cell] });

export const SELINUX_FIXTURES: CheckFixtures = {
  "selinux-mcs-unconstrained": {
    flagged: cil((text) => text.replace("mcs_constrained_type (guests)", "mcs_constrained_type (and guests (not disk_t))")),
    twin: sound,
  },
  "selinux-permissive": { flagged: cil((text) => `${text}(typepermissive disk_t)\n`), twin: sound },
  "selinux-unconstrained-reach": { flagged: cil((text) => `${text}(allow disk_t vmm_t (fd (use)))\n`), twin: sound },
  "selinux-nnp-transition": { flagged: cil((text) => text.replace("nnp_transition ", "")), twin: sound },
  "selinux-roles-reach": { flagged: withCell({ ...REFUSED, allowed: true, byCategory: false }), twin: withCell(REFUSED) },
};
