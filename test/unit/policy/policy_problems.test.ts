import * as assert from "uvu/assert";
import { suite } from "../../support/harness.js";
import { PolicyFolder } from "./policy_folder.js";

const test = suite("malformed policies");

let folder: PolicyFolder;
test.beforeEach(() => {
  folder = new PolicyFolder();
});
test.afterEach(() => folder.remove());

/** What is wrong, the text from line 4 of the role on, and what is said about it. */
const PROBLEMS: readonly (readonly [what: string, rest: string, said: RegExp])[] = [
  [
    "a misspelled syscall",
    "seccomp:\n  run:\n    - opnat: {why: o}\n",
    /^roles\/cache\.yaml:6:7: no syscall "opnat" on x86_64; did you mean "openat"\?/,
  ],
  ["a rule without why", "seccomp:\n  run:\n    - read: {}\n", /:6:7: seccomp\.run\[0\]\.read has no "why"/],
  ["an empty why", 'seccomp: {run: [{read: {why: " "}}]}\n', /why must say something/],
  ["two syscalls in one rule", "seccomp: {run: [{read: {why: r}, write: {why: w}}]}\n", /one syscall.*2 keys/],
  [
    "an unknown argument",
    "seccomp: {run: [{ioctl: {cmd: FIONBIO, why: r}}]}\n",
    /ioctl has no argument "cmd"; there are: fd, request, arg/,
  ],
  [
    "an unknown constant",
    "seccomp: {run: [{ioctl: {request: FIONBOI, why: r}}]}\n",
    /no constant "FIONBOI" for request; did you mean "FIONBIO"\?/,
  ],
  [
    "a constant of another argument",
    "seccomp: {run: [{ioctl: {request: PROT_EXEC, why: r}}]}\n",
    /PROT_EXEC \(asm\/mman\.h\) is no value of request/,
  ],
  ["a bare number", "seccomp: {run: [{ioctl: {request: 21537, why: r}}]}\n", /must name a constant, not 21537/],
  [
    "a value twice",
    "seccomp: {run: [{ioctl: {request: [FIONBIO, FIONBIO], why: r}}]}\n",
    /FIONBIO has the value of FIONBIO before it/,
  ],
  ["an empty list of values", "seccomp: {run: [{ioctl: {request: [], why: r}}]}\n", /lists no value/],
  ["a mask that decides nothing", "seccomp: {run: [{mmap: {prot: {without: PROT_NONE}, why: r}}]}\n", /PROT_NONE has no bit/],
  [
    "a value outside its mask",
    "seccomp: {run: [{mmap: {prot: {mask: PROT_EXEC, equals: PROT_READ}, why: r}}]}\n",
    /PROT_READ has bits outside the mask PROT_EXEC/,
  ],
  ["a mask alone", "seccomp: {run: [{mmap: {prot: {mask: PROT_EXEC}, why: r}}]}\n", /"mask" needs one of/],
  ["equals without a mask", "seccomp: {run: [{mmap: {prot: {equals: PROT_EXEC}, why: r}}]}\n", /"equals" needs a "mask"/],
  [
    "an unknown operator",
    "seccomp: {run: [{mmap: {prot: {witout: PROT_EXEC}, why: r}}]}\n",
    /no key "witout" here; did you mean "without"\?/,
  ],
  [
    "a number too wide",
    "seccomp: {run: [{read: {fd: {'<': 4294967296}, why: r}}]}\n",
    /4294967296 does not fit fd, which is 32 bits wide/,
  ],
  ["a numbered argument without width", "seccomp: {run: [{swapon: {arg1: 0, why: r}}]}\n", /must state its width/],
  ["an unknown error", "seccomp: {run: [{read: {errno: EPREM, why: r}}]}\n", /no error "EPREM"; did you mean "EPERM"\?/],
  ["an errno answer at start", "seccomp: {start: [{read: {errno: ENOSYS, why: r}}]}\n", /belongs under "run"/],
  ["clone3 allowed", "seccomp: {run: [{clone3: {why: threads}}]}\n", /clone3 cannot be allowed/],
  [
    "the same rule twice",
    "seccomp:\n  run:\n    - read: {why: r}\n    - read: {why: again}\n",
    /:7:7: read is answered already by the run rule at roles\/cache\.yaml:6:7/,
  ],
  [
    "a rule behind a bare one",
    "seccomp:\n  run:\n    - ioctl: {why: all}\n    - ioctl: {request: FIONBIO, why: some}\n",
    /:7:7: ioctl is answered already/,
  ],
  ["an unknown key", "sumary: x\n", /:4:1: no key "sumary" here; did you mean "summary"\?/],
  ["a key twice", "models: [a]\nmodels: [b]\n", /duplicate key "models"/],
  ["a merge key", "seccomp: {<<: {run: []}}\n", /merge keys/],
  ["an anchor", "models: &all [a]\n", /anchors and aliases/],
  ["a set that is not there", "include: [event-lop]\n", /:4:11: no set "event-lop" in sets\//],
  ["an include that is a path", "include: [../roles/cache]\n", /plain name/],
  ["a relative file", "files: [{path: usr/share/x, why: f}]\n", /must be an absolute path/],
  ["a file that climbs", "files: [{path: /usr/../etc/shadow, why: f}]\n", /without empty, "\." and "\.\." components/],
  ["a star in a directory", 'files: [{path: "/usr/*/x", why: f}]\n', /last component only/],
  ["a file that is perhaps optional", "files: [{path: /a, optional: maybe, why: f}]\n", /must be true or false, not "maybe"/],
  ["an unknown node", "nodes: [{path: /dev/mem, access: rw, why: n}]\n", /must be one of null, zero, urandom, kvm/],
  [
    "a node twice",
    "nodes: [{path: /dev/null, access: rw, why: n}, {path: /dev/null, access: r, why: n}]\n",
    /\/dev\/null is granted already/,
  ],
  ["an unknown kind of fd", "selfMade: [{kind: socket, max: 1, why: s}]\n", /must be one of eventfd/],
  ["a model twice", "models: [e1000, e1000]\n", /e1000 is listed twice/],
];
for (const [what, rest, said] of PROBLEMS) {
  test(`a malformed role: ${what} is refused where it stands`, () => {
    folder.writeRole(rest);
    const { code, message } = folder.refusal();
    assert.is(code, "policy-invalid");
    assert.match(message, said);
  });
}

test.run();
