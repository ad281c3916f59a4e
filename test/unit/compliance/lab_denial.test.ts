import * as assert from "uvu/assert";
import { parseDenial } from "../../../src/compliance/lab/denial.js";
import { suite } from "../../support/harness.js";

const test = suite("lab denial");

const RECORD =
  'audit: type=1400 audit(1795327635.803:5): avc:  denied  { read write } for  pid=204 comm="restorecon" path="/run/step" ' +
  'dev="tmpfs" ino=2 scontext=system_u:system_r:setfiles_t:s0 tcontext=system_u:object_r:tmpfs_t:s0:c1,c2 tclass=file permissive=1';

test("denial: every field of a record is read", () => {
  assert.equal(parseDenial(RECORD), {
    permissions: ["read", "write"],
    pid: 204,
    comm: "restorecon",
    object: "/run/step",
    sourceContext: "system_u:system_r:setfiles_t:s0",
    targetContext: "system_u:object_r:tmpfs_t:s0:c1,c2",
    objectClass: "file",
    permissive: true,
    text: RECORD,
  });
});

test("denial: a name that the kernel wrote in hexadecimal is decoded", () => {
  const hexadecimal = Buffer.from("/dev/console (deleted)").toString("hex").toUpperCase();
  assert.is(parseDenial(RECORD.replace('"/run/step"', hexadecimal))?.object, "/dev/console (deleted)");
});

test("denial: without a path the name stands for the object, without both nothing does", () => {
  assert.is(parseDenial(RECORD.replace("path=", "name="))?.object, "/run/step");
  assert.is(parseDenial(RECORD.replace('path="/run/step" ', ""))?.object, null);
});

test("denial: a granted access and other records are none", () => {
  assert.is(parseDenial(RECORD.replace("denied", "granted")), null);
  assert.is(parseDenial("audit: type=1006 audit(1.2:3): pid=9 uid=0 auid=0"), null);
});

test.run();
