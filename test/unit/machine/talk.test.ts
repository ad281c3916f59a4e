import * as assert from "uvu/assert";
import { MachineError } from "../../../src/errors/index.js";
import type { ControlAnswer } from "../../../src/machine/control_message.js";
import { Talk } from "../../../src/machine/talk.js";
import { suite } from "../../support/harness.js";

const test = suite("turns of a supervisor and a command", { timeoutMs: 5000 });

const VERIFY = { step: "verify" } as const;
const isAbandoned = (error: unknown) => error instanceof MachineError && error.code === "addition-abandoned";

async function refusalOf(turn: Promise<void>): Promise<unknown> {
  return turn.then(
    () => null,
    (error: unknown) => error,
  );
}

test("a turn is asked for, and ends when the other side has done it", async () => {
  const sent: ControlAnswer[] = [];
  const talk = new Talk((message) => sent.push(message));
  const turn = talk.ask(VERIFY);
  assert.equal(sent, [{ turn: VERIFY }]);
  assert.ok(talk.hear('{"done": true}'));
  await turn;
});

for (const line of ['{"done": false}', '{"done": 1}', "{}", "garbage"]) {
  test(`the answer ${line} is a turn not done`, async () => {
    const talk = new Talk(() => {});
    const refusal = refusalOf(talk.ask(VERIFY));
    talk.hear(line);
    assert.ok(isAbandoned(await refusal));
  });
}

test("a line out of turn is not heard", async () => {
  const talk = new Talk(() => {});
  assert.not.ok(talk.hear('{"done": true}'));
  const turn = talk.ask(VERIFY);
  talk.hear('{"done": true}');
  await turn;
  assert.not.ok(talk.hear('{"done": true}'));
});

test("the other side goes away: in its turn, and before it", async () => {
  const talk = new Talk(() => {});
  const refusal = refusalOf(talk.ask(VERIFY));
  talk.leave();
  assert.ok(isAbandoned(await refusal));
  assert.ok(isAbandoned(await refusalOf(talk.ask(VERIFY))));
});

test.run();
