// Node's module `path`, with POSIX semantics.
"use strict";
const normalizeParts = (parts, absolute) => {
  const kept = [];
  for (const part of parts) {
    if (part === "" || part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (kept.length && kept[kept.length - 1] !== "..") kept.pop();
    else if (!absolute) kept.push("..");
  }
  return kept;
};
exports.sep = "/";
exports.delimiter = ":";
exports.isAbsolute = (path) => path.startsWith("/");
exports.normalize = (path) => {
  if (path === "") return ".";
  const absolute = path.startsWith("/");
  let made = normalizeParts(path.split("/"), absolute).join("/");
  if (!made && !absolute) made = ".";
  if (made && path.endsWith("/") && made !== ".") made += "/";
  return (absolute ? "/" : "") + made;
};
exports.join = (...parts) => exports.normalize(parts.filter((part) => part !== "").join("/"));
exports.resolve = (...parts) => {
  let made = "";
  for (let at = parts.length - 1; at >= 0 && !made.startsWith("/"); at--) if (parts[at]) made = made ? `${parts[at]}/${made}` : parts[at];
  return `/${normalizeParts(made.split("/"), true).join("/")}`;
};
exports.dirname = (path) => {
  const trimmed = path.replace(/(.)\/+$/, "$1"), at = trimmed.lastIndexOf("/");
  return at < 0 ? "." : at === 0 ? "/" : trimmed.slice(0, at);
};
exports.basename = (path, end) => {
  const name = path.replace(/\/+$/, "").split("/").pop();
  return end && name !== end && name.endsWith(end) ? name.slice(0, -end.length) : name;
};
exports.extname = (path) => {
  const name = exports.basename(path), at = name.lastIndexOf(".");
  return at <= 0 ? "" : name.slice(at);
};
exports.relative = (from, to) => {
  const a = exports.resolve(from).split("/").filter(Boolean), b = exports.resolve(to).split("/").filter(Boolean);
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  return [...a.slice(same).map(() => ".."), ...b.slice(same)].join("/");
};
exports.parse = (path) => {
  const base = exports.basename(path), ext = exports.extname(path), dir = path.includes("/") ? exports.dirname(path) : "";
  return { root: path.startsWith("/") ? "/" : "", dir, base, ext, name: ext ? base.slice(0, -ext.length) : base };
};
exports.format = ({ dir, root, base, name, ext }) => {
  const file = base || `${name || ""}${ext || ""}`, folder = dir || root;
  return !folder ? file : folder === root ? folder + file : `${folder}/${file}`;
};
exports.posix = exports;
