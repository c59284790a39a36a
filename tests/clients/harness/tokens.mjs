// Tokens that other parties sign.
import { createHmac } from "node:crypto";

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A JWT with HS256. */
export function sign(claims, key, header = { alg: "HS256", typ: "JWT" }) {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

/** The claims of a token, unverified. */
export const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

/** Seconds since 1970, some minutes from now. */
export const inMinutes = (minutes) => Math.floor(Date.now() / 1000) + 60 * minutes;
