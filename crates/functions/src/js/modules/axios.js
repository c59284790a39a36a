// The package `axios`, built on `context.http`.
"use strict";
class AxiosError extends Error {
  constructor(message, code, config, request, response) { super(message); Object.assign(this, { code, config, request, response, isAxiosError: true }); if (response) this.status = response.status; }
  get name() { return "AxiosError"; }
  toJSON() { const { message, name, stack, config, code, status } = this; return { message, name, stack, config, code, status: status ?? null }; }
}
// The codes by which Node names failures of the network.
const networkCode = (message) => {
  const known = [[/connection refused/i, "ECONNREFUSED"], [/connection reset/i, "ECONNRESET"], [/timed out/i, "ETIMEDOUT"], [/lookup|dns|no records? found/i, "ENOTFOUND"]].find(([pattern]) => pattern.test(message));
  return known === undefined ? "ERR_NETWORK" : known[1];
};
const merged = (...all) => {
  const made = {};
  for (const one of all) for (const key of Object.keys(one ?? {})) made[key] = key === "headers" || key === "params" ? { ...made[key], ...one[key] } : one[key] ?? made[key];
  return made;
};
const joined = (base, url) => (!base || /^[a-z][a-z0-9+.-]*:/i.test(url) ? url : `${base.replace(/\/+$/, "")}/${`${url ?? ""}`.replace(/^\/+/, "")}`);
const spelled = (headers, name) => Object.keys(headers).find((known) => known.toLowerCase() === name.toLowerCase());
const has = (headers, name) => spelled(headers, name) !== undefined;
// The headers of a request, by name: those for all methods, for its method, and its own.
const headersOf = (given, method) => {
  const made = {};
  const add = (headers) => { for (const name of Object.keys(headers ?? {})) if (headers[name] !== undefined && headers[name] !== null && typeof headers[name] !== "object") { delete made[spelled(made, name)]; made[name] = `${headers[name]}`; } };
  add(given?.common);
  add(given?.[method]);
  add(given);
  return made;
};
// The headers as interceptors see them. `common` is that of older versions of axios.
const open = (headers) => {
  const hidden = {
    common: {},
    get: (name) => headers[spelled(headers, name)],
    has: (name) => has(headers, name),
    set: (name, value) => { if (typeof name === "object") { for (const one of Object.keys(name)) hidden.set(one, name[one]); } else { delete headers[spelled(headers, name)]; headers[name] = value; } return headers; },
    delete: (name) => delete headers[spelled(headers, name)],
  };
  for (const name of Object.keys(hidden)) Object.defineProperty(headers, name, { value: hidden[name], writable: true, configurable: true });
  return headers;
};
const request = async (settings) => {
  const method = `${settings.method ?? "get"}`.toLowerCase();
  if (internal.http[method] === undefined) throw new AxiosError(`the method ${method} is not available`, "ERR_BAD_OPTION", settings);
  const headers = headersOf(settings.headers, method);
  for (const name of Object.keys(headers)) headers[name] = [headers[name]];
  const query = {};
  const params = settings.params instanceof Object && typeof settings.params.entries === "function" ? Object.fromEntries(settings.params) : settings.params ?? {};
  for (const name of Object.keys(params)) { const value = params[name]; if (value !== undefined && value !== null) query[Array.isArray(value) ? `${name}[]` : name] = Array.isArray(value) ? value.map(String) : [value instanceof Date ? value.toISOString() : typeof value === "object" ? JSON.stringify(value) : `${value}`]; }
  let body = settings.data;
  for (const change of [].concat(settings.transformRequest ?? [])) body = change(body, headers);
  const kind = Object.prototype.toString.call(body);
  if (body !== undefined && body !== null && typeof body === "object" && !(body instanceof Uint8Array) && internal.kindOf(body) === undefined) {
    if (typeof URLSearchParams === "function" && body instanceof URLSearchParams) { body = body.toString(); if (!has(headers, "content-type")) headers["Content-Type"] = ["application/x-www-form-urlencoded"]; }
    else if (kind === "[object FormData]") throw new AxiosError("FormData is not available", "ERR_NOT_SUPPORT", settings);
    else { body = JSON.stringify(body); if (!has(headers, "content-type")) headers["Content-Type"] = ["application/json"]; }
  } else if (typeof body === "string" && !has(headers, "content-type")) headers["Content-Type"] = ["application/x-www-form-urlencoded"];
  if (!has(headers, "accept")) headers.Accept = ["application/json, text/plain, */*"];
  const asked = { url: joined(settings.baseURL, settings.url), headers, query, followRedirects: settings.maxRedirects !== 0 };
  if (body !== undefined && body !== null) asked.body = body;
  if (settings.auth) { asked.username = `${settings.auth.username ?? ""}`; asked.password = `${settings.auth.password ?? ""}`; }
  let sent = internal.http[method](asked);
  if (settings.timeout > 0) sent = Promise.race([sent, new Promise((_, reject) => setTimeout(() => reject(new AxiosError(`timeout of ${settings.timeout}ms exceeded`, "ECONNABORTED", settings, {})), settings.timeout))]);
  let answer;
  try { answer = await sent; } catch (error) { throw error instanceof AxiosError ? error : new AxiosError(error.message, networkCode(error.message), settings, {}); }
  const lowered = {};
  for (const name of Object.keys(answer.headers)) lowered[name.toLowerCase()] = name.toLowerCase() === "set-cookie" ? answer.headers[name] : answer.headers[name].join(", ");
  let data;
  if (settings.responseType === "arraybuffer") data = Buffer.from(internal.bytesOf(answer.body));
  else {
    data = answer.body.text();
    if (settings.responseType !== "text" && data !== "") { try { data = JSON.parse(data); } catch { /* a text, then */ } }
  }
  for (const change of [].concat(settings.transformResponse ?? [])) data = change(data, lowered);
  const response = { data, status: answer.statusCode, statusText: answer.status.replace(/^\d+ ?/, ""), headers: lowered, config: settings, request: {} };
  const valid = settings.validateStatus === undefined ? (status) => status >= 200 && status < 300 : settings.validateStatus;
  if (valid && !valid(response.status)) throw new AxiosError(`Request failed with status code ${response.status}`, response.status < 500 ? "ERR_BAD_REQUEST" : "ERR_BAD_RESPONSE", settings, response.request, response);
  return response;
};
const chain = () => { const all = []; return { all, use: (done, failed) => all.push([done, failed]) - 1, eject: (at) => { all[at] = undefined; } }; };
const create = (defaults = {}) => {
  const interceptors = { request: chain(), response: chain() };
  const instance = (first, second) => instance.request(first, second);
  instance.defaults = { ...defaults, headers: { common: {}, get: {}, delete: {}, head: {}, post: {}, put: {}, patch: {}, ...defaults.headers } };
  instance.interceptors = interceptors;
  instance.request = (first, second) => {
    const config = typeof first === "string" ? { ...second, url: first } : { ...first };
    const settings = merged(instance.defaults, config);
    settings.method = `${settings.method ?? "get"}`.toLowerCase();
    settings.headers = open(headersOf(settings.headers, settings.method));
    let going = Promise.resolve(settings);
    for (const one of [...interceptors.request.all].reverse()) if (one) going = going.then(one[0], one[1]);
    going = going.then(request);
    for (const one of interceptors.response.all) if (one) going = going.then(one[0], one[1]);
    return going;
  };
  for (const method of ["get", "delete", "head"]) instance[method] = (url, config) => instance.request({ ...config, method, url });
  for (const method of ["post", "put", "patch"]) instance[method] = (url, data, config) => instance.request({ ...config, method, url, data });
  return instance;
};
const axios = create();
axios.create = (config) => create(config);
axios.all = (all) => Promise.all(all);
axios.spread = (body) => (all) => body(...all);
axios.isAxiosError = (value) => value?.isAxiosError === true;
axios.AxiosError = AxiosError;
axios.default = axios;
module.exports = axios;
