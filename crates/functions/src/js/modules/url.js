// The web's `URL` and `URLSearchParams`, for HTTP URLs, and the older functions of Node's module `url`.
"use strict";
const querystring = require("querystring");
const form = (text) => encodeURIComponent(text).replace(/%20/g, "+").replace(/[!'()~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
const unform = (text) => querystring.unescape(text.replace(/\+/g, " "));
class URLSearchParams {
  #pairs = []; #changed;
  constructor(init = "", changed) {
    this.#changed = changed;
    if (typeof init === "string") {
      for (const part of init.replace(/^\?/, "").split("&")) {
        if (part === "") continue;
        const at = part.indexOf("=");
        this.#pairs.push(at < 0 ? [unform(part), ""] : [unform(part.slice(0, at)), unform(part.slice(at + 1))]);
      }
    } else if (init && typeof init[Symbol.iterator] === "function") for (const [name, value] of init) this.#pairs.push([`${name}`, `${value}`]);
    else if (init) for (const name of Object.keys(init)) this.#pairs.push([name, `${init[name]}`]);
  }
  #tell() { if (this.#changed) this.#changed(this.toString()); }
  append(name, value) { this.#pairs.push([`${name}`, `${value}`]); this.#tell(); }
  delete(name) { this.#pairs = this.#pairs.filter(([known]) => known !== `${name}`); this.#tell(); }
  get(name) { const pair = this.#pairs.find(([known]) => known === `${name}`); return pair ? pair[1] : null; }
  getAll(name) { return this.#pairs.filter(([known]) => known === `${name}`).map(([, value]) => value); }
  has(name) { return this.#pairs.some(([known]) => known === `${name}`); }
  set(name, value) {
    const at = this.#pairs.findIndex(([known]) => known === `${name}`);
    if (at < 0) this.#pairs.push([`${name}`, `${value}`]);
    else { this.#pairs[at][1] = `${value}`; this.#pairs = this.#pairs.filter(([known], index) => index <= at || known !== `${name}`); }
    this.#tell();
  }
  sort() { this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)); this.#tell(); }
  forEach(body, self) { for (const [name, value] of this.#pairs) body.call(self, value, name, this); }
  keys() { return this.#pairs.map(([name]) => name)[Symbol.iterator](); }
  values() { return this.#pairs.map(([, value]) => value)[Symbol.iterator](); }
  entries() { return this.#pairs.map((pair) => [...pair])[Symbol.iterator](); }
  [Symbol.iterator]() { return this.entries(); }
  get size() { return this.#pairs.length; }
  toString() { return this.#pairs.map(([name, value]) => `${form(name)}=${form(value)}`).join("&"); }
}
const PORTS = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21" };
const PATTERN = /^([a-zA-Z][a-zA-Z0-9+.-]*:)(?:\/\/(?:([^/?#@]*)@)?(\[[^\]]*\]|[^/?#:]*)(?::(\d*))?)?([^?#]*)(\?[^#]*)?(#.*)?$/;
const clean = (text) => encodeURI(text).replace(/%25([0-9a-fA-F]{2})/g, "%$1").replace(/%5[bB]/g, "[").replace(/%5[dD]/g, "]");
const dots = (path) => {
  const kept = [];
  const parts = path.split("/");
  parts.forEach((part, index) => {
    const last = index === parts.length - 1;
    if (part === ".") { if (last) kept.push(""); } else if (part === "..") { if (kept.length > 1) kept.pop(); if (last) kept.push(""); } else kept.push(part);
  });
  return kept.join("/");
};
class URL {
  #search = "";
  constructor(text, base) {
    const trimmed = `${text}`.trim();
    let match = PATTERN.exec(trimmed);
    if (!match && base !== undefined) {
      const from = new URL(base);
      const root = `${from.protocol}//${from.username ? `${from.username}${from.password ? `:${from.password}` : ""}@` : ""}${from.host}`;
      const whole = trimmed.startsWith("//") ? from.protocol + trimmed : trimmed.startsWith("/") ? root + trimmed : trimmed === "" || trimmed.startsWith("#") ? root + from.pathname + from.search + trimmed : trimmed.startsWith("?") ? root + from.pathname + trimmed : root + from.pathname.replace(/[^/]*$/, "") + trimmed;
      match = PATTERN.exec(whole);
    }
    if (!match) throw new TypeError(`Invalid URL: ${trimmed}`);
    const [, protocol, credentials = "", host, port = "", path, search = "", hash = ""] = match;
    this.protocol = protocol.toLowerCase();
    const special = this.protocol in PORTS;
    if (special && !host) throw new TypeError(`Invalid URL: ${trimmed}`);
    const at = credentials.indexOf(":");
    this.username = at < 0 ? credentials : credentials.slice(0, at);
    this.password = at < 0 ? "" : credentials.slice(at + 1);
    this.hostname = (host ?? "").toLowerCase();
    if (special && /[\s<>^|%\\]/.test(this.hostname)) throw new TypeError(`Invalid URL: ${trimmed}`);
    this.port = port === PORTS[this.protocol] ? "" : port;
    if (this.port !== "" && Number(this.port) > 65535) throw new TypeError(`Invalid URL: ${trimmed}`);
    this.pathname = special ? dots(clean(path || "/")) : path;
    this.hash = hash === "#" ? "" : clean(hash);
    this.#search = search === "?" ? "" : clean(search);
    Object.defineProperty(this, "searchParams", { value: new URLSearchParams(this.#search, (changed) => { this.#search = changed ? `?${changed}` : ""; }), enumerable: true });
    Object.defineProperty(this, "slashes", { value: host !== undefined });
  }
  get search() { return this.#search; }
  set search(text) {
    const fresh = new URLSearchParams(`${text}`);
    for (const name of [...this.searchParams.keys()]) this.searchParams.delete(name);
    for (const [name, value] of fresh) this.searchParams.append(name, value);
    this.#search = text === "" || text === "?" ? "" : clean(`${text}`.replace(/^\??/, "?"));
  }
  get host() { return this.port ? `${this.hostname}:${this.port}` : this.hostname; }
  set host(text) { const [name, port = ""] = `${text}`.split(":"); this.hostname = name; this.port = port; }
  get origin() { return this.protocol in PORTS ? `${this.protocol}//${this.host}` : "null"; }
  get href() {
    const credentials = this.username ? `${this.username}${this.password ? `:${this.password}` : ""}@` : "";
    return `${this.protocol}${this.slashes ? "//" : ""}${credentials}${this.host}${this.pathname}${this.#search}${this.hash}`;
  }
  toString() { return this.href; }
  toJSON() { return this.href; }
}
Object.assign(exports, { URL, URLSearchParams });
exports.parse = (text, withQuery) => {
  let url;
  try { url = new URL(text); } catch { url = undefined; }
  const rest = url ? undefined : /^([^?#]*)(\?[^#]*)?(#.*)?$/.exec(`${text}`);
  const search = url ? url.search || null : rest[2] ?? null, pathname = url ? url.pathname : rest[1] || null;
  const query = search ? search.slice(1) : null;
  return {
    protocol: url ? url.protocol : null, slashes: url ? true : null, auth: url && url.username ? `${url.username}${url.password ? `:${url.password}` : ""}` : null,
    host: url ? url.host : null, port: url && url.port ? url.port : null, hostname: url ? url.hostname : null, hash: url ? url.hash || null : rest[3] ?? null,
    search, query: withQuery ? querystring.parse(query ?? "") : query, pathname, path: `${pathname ?? ""}${search ?? ""}` || null, href: url ? url.href : `${text}`,
  };
};
exports.format = (parts) => {
  if (typeof parts === "string" || parts instanceof URL) return `${parts}`;
  const protocol = parts.protocol ? (parts.protocol.endsWith(":") ? parts.protocol : `${parts.protocol}:`) : "";
  const host = parts.host || (parts.hostname ? `${parts.hostname}${parts.port ? `:${parts.port}` : ""}` : "");
  const query = parts.search || (parts.query && typeof parts.query === "object" ? querystring.stringify(parts.query) : parts.query) || "";
  return `${protocol}${host ? "//" : ""}${parts.auth ? `${parts.auth}@` : ""}${host}${parts.pathname || ""}${query ? `?${`${query}`.replace(/^\?/, "")}` : ""}${parts.hash ? `#${parts.hash.replace(/^#/, "")}` : ""}`;
};
exports.resolve = (from, to) => { try { return new URL(to, from).href; } catch { return new URL(to, `http://relative${from.startsWith("/") ? "" : "/"}${from}`).href.replace("http://relative", ""); } };
