import * as assert from "uvu/assert";
import * as errors from "../../../src/errors/index.js";
import { suite } from "../../support/harness.js";

const test = suite("errors and their wording");

const { EXIT, wordFailure } = errors;

test("wording: tried, answer, remedy, as sentences", () => {
  const failure = { code: "c", tried: "Cannot open a", subject: "a" };
  assert.is(wordFailure(failure), "Cannot open a.");
  assert.is(wordFailure({ ...failure, answer: "open: EACCES" }), "Cannot open a: open: EACCES.");
  assert.is(
    wordFailure({ ...failure, answer: "open: EACCES", remedy: "Run: chmod." }),
    "Cannot open a: open: EACCES. Run: chmod.",
  );
  assert.is(wordFailure({ ...failure, remedy: "Try again." }), "Cannot open a. Try again.");
});

test("wording: a sentence that ends by itself gets no second stop", () => {
  for (const answer of ["it said no.", "why?", "stop!"]) {
    assert.is(wordFailure({ code: "c", tried: "Cannot", subject: "s", answer }), `Cannot: ${answer}`);
  }
});

/** Exit codes are API: README.md, "Exit codes". */
const EXIT_CODES: Readonly<Record<string, number>> = {
  ComplianceInputError: 2,
  SpecError: 2,
  PolicyError: 2,
  PlanError: 2,
  HostError: 3,
  KernelError: 3,
  SeccompInputError: 2,
  SeccompError: 3,
  SelinuxError: 3,
  SelinuxInputError: 2,
  StateError: 3,
  SandboxError: 3,
  ProtocolError: 3,
  ProtocolInputError: 2,
  MachineError: 3,
  IntrusionError: 5,
  RemoteError: 3,
};

type ErrorClass = new (failure: errors.Failure) => errors.BulkheadError;

const classes = Object.entries(errors).filter(([name]) => name.endsWith("Error") && name !== "BulkheadError");

test("exit codes: the numbers are those that scripts know", () => {
  assert.equal(EXIT, { clean: 0, findings: 1, badInput: 2, hostCannot: 3, processDied: 4, intrusion: 5, internal: 70 });
});

test("classes: every one of them has an exit code here", () => {
  assert.equal(classes.map(([name]) => name).sort(), Object.keys(EXIT_CODES).sort());
});

for (const [name, thrower] of classes) {
  test(`${name}: code, subject, remedy and cause stay readable, and its exit code is ${EXIT_CODES[name]}`, () => {
    const cause = new Error("deeper");
    const failure = { code: "some-code", tried: "Cannot", subject: "it", answer: "no", remedy: "Do.", cause };
    const error = new (thrower as unknown as ErrorClass)(failure);
    assert.instance(error, errors.BulkheadError);
    assert.instance(error, Error);
    assert.is(error.name, name);
    assert.is(error.message, "Cannot: no. Do.");
    assert.equal([error.code, error.subject, error.remedy], ["some-code", "it", "Do."]);
    assert.is(error.cause, cause);
    assert.is(error.exitCode, EXIT_CODES[name]);
    assert.match(String(error.stack), name);
  });
}

test("an error without a cause has none, not an undefined one", () => {
  assert.not.ok("cause" in new errors.SpecError({ code: "c", tried: "Cannot", subject: "s" }));
});

test.run();
