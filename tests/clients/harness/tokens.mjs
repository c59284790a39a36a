// Tokens of third parties.
import { createHmac } from "node:crypto";

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A JWT signed with HS256. */
export function sign(claims, key, header = { alg: "HS256", typ: "JWT" }) {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

/** The claims of a token, without verifying it. */
export const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

/** The time a few minutes from now, in seconds since the Unix epoch. */
export const inMinutes = (minutes) => Math.floor(Date.now() / 1000) + 60 * minutes;
