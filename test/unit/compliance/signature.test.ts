import { generateKeyPairSync, type KeyPairKeyObjectResult } from "node:crypto";
import * as assert from "uvu/assert";
import { checkSignature, signReport } from "../../../src/compliance/report/signature.js";
import { suite } from "../../support/harness.js";

const test = suite("signatures of compliance reports");

/** A key pair in PEM. */
function inPem({ publicKey, privateKey }: KeyPairKeyObjectResult): { readonly publicKey: string; readonly privateKey: string } {
  return {
    publicKey: publicKey.export({ type: "spki", format: "pem" }) as string,
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  };
}

const ed25519 = () => inPem(generateKeyPairSync("ed25519"));
const report = Buffer.from('{"verdict":"passed"}\n');

test("a report is good with its signer's key, whichever kind of key that is", async () => {
  const p256 = inPem(generateKeyPairSync("ec", { namedCurve: "P-256" }));
  const p384 = inPem(generateKeyPairSync("ec", { namedCurve: "P-384" }));
  const rsa = inPem(generateKeyPairSync("rsa", { modulusLength: 2048 }));
  for (const { publicKey, privateKey } of [ed25519(), p256, p384, rsa]) {
    const checked = await checkSignature(report, await signReport(report, privateKey), publicKey);
    assert.ok(checked.valid, JSON.stringify(checked));
  }
});

test("one changed byte, another key, a changed signature and a missing one are no good, and say so", async () => {
  const { publicKey, privateKey } = ed25519();
  const signature = await signReport(report, privateKey);
  const why = async (bytes: Uint8Array, jws: string, key: string) => {
    const checked = await checkSignature(bytes, jws, key);
    return checked.valid ? "valid" : checked.why;
  };
  for (let at = 0; at < report.length; at += 1) {
    const changed = Buffer.from(report);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.match(await why(changed, signature, publicKey), /was changed/);
  }
  assert.match(await why(report, signature, ed25519().publicKey), /did not sign it/);
  const [header = "", , value = ""] = signature.split(".");
  assert.match(
    await why(report, `${header}..${value.replace(/^./, (one) => (one === "A" ? "B" : "A"))}`, publicKey),
    /was changed/,
  );
  assert.match(await why(report, "", publicKey), /no detached JWS/);
});

test("the header decides nothing: no algorithm at all, the public key as a secret, and another thing's signature are refused", async () => {
  const { createHmac, createPrivateKey, sign } = await import("node:crypto");
  const { publicKey, privateKey } = ed25519();
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const typ = "bulkhead-report+jws";
  const none = encode({ alg: "none", typ });
  const hmac = encode({ alg: "HS256", typ });
  const mac = createHmac("sha256", publicKey)
    .update(`${hmac}.${report.toString("base64url")}`)
    .digest("base64url");
  const other = encode({ alg: "EdDSA", typ: "JWT" });
  const signed = sign(null, Buffer.from(`${other}.${report.toString("base64url")}`), createPrivateKey(privateKey));
  for (const forged of [`${none}..`, `${hmac}..${mac}`, `${other}..${signed.toString("base64url")}`]) {
    assert.is((await checkSignature(report, forged, publicKey)).valid, false, forged);
  }
});

test("what is no key, and keys too weak, are told apart from bad signatures", async () => {
  const weak = inPem(generateKeyPairSync("rsa", { modulusLength: 1024 }));
  for (const key of ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", weak.privateKey]) {
    try {
      await signReport(report, key);
      assert.unreachable("a key was taken");
    } catch (error) {
      assert.is((error as { code?: string }).code, "key-unusable");
    }
  }
});

test.run();
