import { buildBootProgram } from "./boot_program.mjs";
import { bundle } from "./bundles.mjs";
import { installDebianPackages } from "./debian_packages.mjs";
import { buildFilterProbe, buildHostileDevice, buildImageJudge, buildReferenceDevice } from "./freestanding_programs.mjs";
import { buildKvmRig } from "./kvm_rig.mjs";
import { withSetupLock } from "./lock.mjs";
import { writeManuals } from "./manuals.mjs";
import { buildAddon, buildNpmBindings } from "./native_builds.mjs";
import { installNpmPackages } from "./npm_packages.mjs";
import { checkPlatform } from "./platform.mjs";
import { SetupError } from "./run.mjs";
import { compileTypeScript } from "./typescript.mjs";

/** Each step needs those before it, and does nothing when its result is there already. */
const STEPS = [
  checkPlatform,
  installDebianPackages,
  installNpmPackages,
  buildNpmBindings,
  buildAddon,
  buildImageJudge,
  buildReferenceDevice,
  buildFilterProbe,
  buildHostileDevice,
  buildBootProgram,
  buildKvmRig,
  compileTypeScript,
  bundle,
  writeManuals,
];

/** Makes the checkout ready to run; `more` are steps of one program alone. A failure is told on stderr and ends this process. */
export async function setUp(more = []) {
  try {
    await withSetupLock(() => {
      for (const step of [...STEPS, ...more]) step();
    });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(error.exitCode);
  }
}
