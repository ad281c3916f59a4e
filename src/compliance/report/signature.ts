import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { ComplianceInputError } from "../../errors/index.js";

/**
 * Reports are signed with a detached JSON Web Signature in compact form (RFC 7515, appendix F): the file stays as it is, whatever
 * its format, and `FILE.jws` beside it holds one line. A key is the user's own, in PEM: `openssl genpkey -algorithm ed25519`.
 */
export const SIGNATURE_ENDING = ".jws";

/** Media type of what is signed, in the protected header, so that a signature made for something else is none of a report. */
const TYPE = "bulkhead-report+jws";
/** Below this RSA is not signed with: NIST SP 800-131A. */
const RSA_BITS_MIN = 2048;

/** What a good signature says. */
export interface SignedBy {
  /** RFC 7638 thumbprint of the public key, SHA-256 in base64url. */
  readonly thumbprint: string;
  readonly algorithm: string;
}

/** Whether a file is what was signed. */
export type SignatureCheck = ({ readonly valid: true } & SignedBy) | { readonly valid: false; readonly why: string };

/** The signature of a file's bytes. Throws ComplianceInputError "key-unusable". */
export async function signReport(bytes: Uint8Array, privateKeyPem: string): Promise<string> {
  const { CompactSign, calculateJwkThumbprint, exportJWK } = await import("jose");
  const key = readKey(() => createPrivateKey(privateKeyPem), "the private key");
  const kid = await calculateJwkThumbprint(await exportJWK(createPublicKey(key)));
  const signed = await new CompactSign(bytes).setProtectedHeader({ alg: algorithmOf(key), typ: TYPE, kid }).sign(key);
  const [header, , signature] = signed.split(".");
  return `${header}..${signature}\n`;
}

/**
 * Whether `signature` is one of exactly these bytes by the holder of the key. The key decides the algorithm, never the header.
 * Throws ComplianceInputError "key-unusable".
 */
export async function checkSignature(bytes: Uint8Array, signature: string, publicKeyPem: string): Promise<SignatureCheck> {
  const { base64url, calculateJwkThumbprint, compactVerify, errors, exportJWK } = await import("jose");
  const key = readKey(() => createPublicKey(publicKeyPem), "the public key");
  const algorithm = algorithmOf(key);
  const parts = signature.trim().split(".");
  if (parts.length !== 3 || parts[1] !== "") return { valid: false, why: "the signature file holds no detached JWS" };
  const thumbprint = await calculateJwkThumbprint(await exportJWK(key));
  try {
    const whole = `${parts[0]}.${base64url.encode(bytes)}.${parts[2]}`;
    const { protectedHeader } = await compactVerify(whole, key, { algorithms: [algorithm] });
    if (protectedHeader.typ !== TYPE)
      return { valid: false, why: `the signature is of ${protectedHeader.typ ?? "no type"}, not of a report` };
    return { valid: true, thumbprint, algorithm };
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    const changed = error instanceof errors.JWSSignatureVerificationFailed;
    const why = changed ? `the file or its signature was changed, or the key ${thumbprint} did not sign it` : error.message;
    return { valid: false, why };
  }
}

function readKey(read: () => KeyObject, what: string): KeyObject {
  try {
    return read();
  } catch (cause) {
    throw unusable(what, "it is no key in PEM", cause);
  }
}

/** RFC 7518 and RFC 8037. */
function algorithmOf(key: KeyObject): string {
  const details = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ed25519") return "EdDSA";
  if (key.asymmetricKeyType === "ec" && details.namedCurve === "prime256v1") return "ES256";
  if (key.asymmetricKeyType === "ec" && details.namedCurve === "secp384r1") return "ES384";
  if (key.asymmetricKeyType === "rsa" && (details.modulusLength ?? 0) >= RSA_BITS_MIN) return "PS256";
  throw unusable(
    "the key",
    `it is ${key.asymmetricKeyType ?? "secret"} ${details.namedCurve ?? details.modulusLength ?? ""}`.trim(),
  );
}

function unusable(what: string, answer: string, cause?: unknown): ComplianceInputError {
  return new ComplianceInputError({
    code: "key-unusable",
    tried: `Cannot use ${what}`,
    subject: what,
    answer,
    remedy: "Take Ed25519, P-256, P-384 or RSA of 2048 bits and more. Run: openssl genpkey -algorithm ed25519 -out key.pem",
    cause,
  });
}
