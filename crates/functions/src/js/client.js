// The clients of services: MongoDB and HTTP.
(function (core) {
  "use strict";
  const { host, Held, kindOf, numberOf, asked, then, keys, isArray, push, slice, map, apply, PromiseType, ErrorType, TypeErrorType, Bytes } = core;

  // --- The MongoDB client -------------------------------------------------------------------------------------------------------
  const textOf = (value, what) => {
    if (typeof value !== "string" || value === "") throw new TypeErrorType(`the ${what} must be a string that is not empty`);
    return value;
  };
  const plain = (value) => typeof value === "object" && value !== null && !isArray(value);
  const optionsOf = (value) => (plain(value) ? value : {});
  // An absent argument of a read is an empty filter; one that is there and undefined is an error, or it would match everything.
  const filterOf = (parts, optional) => {
    if (parts.length === 0 && optional) return {};
    if (!plain(parts[0])) throw new TypeErrorType(parts.length === 0 ? "a filter is needed" : "the filter must be an object");
    return parts[0];
  };

  class Session {
    #service; #rights; #begun; #ended = false;
    constructor(service, rights) { this.#service = service; this.#rights = rights; }
    static transaction(session) {
      if (!(plain(session) && #begun in session)) throw new TypeErrorType("`session` must be a session of startSession()");
      if (session.#ended) throw new ErrorType("the session has ended");
      return session.#begun;
    }
    startTransaction() {
      if (this.#ended) throw new ErrorType("the session has ended");
      if (this.#begun !== undefined) throw new ErrorType("a transaction is in progress");
      const begun = asked(host.begin(this.#service, numberOf(this.#rights)));
      then(begun, undefined, () => {});
      this.#begun = begun;
    }
    #finish(how) {
      const begun = this.#begun;
      if (begun === undefined) throw new ErrorType("no transaction has begun");
      this.#begun = undefined;
      return then(begun, (number) => asked(how(number)));
    }
    async commitTransaction() { return this.#finish(host.commit); }
    async abortTransaction() { return this.#finish(host.abort); }
    async withTransaction(body, options) {
      void options;
      this.startTransaction();
      let result;
      try {
        result = await body(this);
      } catch (error) {
        if (this.#begun !== undefined) try { await this.#finish(host.abort); } catch { /* what failed first is told */ }
        throw error;
      }
      if (this.#begun !== undefined) await this.#finish(host.commit);
      return result;
    }
    inTransaction() { return this.#begun !== undefined; }
    async endSession() {
      if (this.#begun !== undefined) await this.#finish(host.abort);
      this.#ended = true;
    }
  }

  const act = (place, action, parts, options) => {
    const session = plain(options) ? options.session : undefined;
    const begun = session === undefined || session === null ? undefined : Session.transaction(session);
    if (begun === undefined) return asked(host.data(numberOf(place.rights), place.service, place.database, place.collection, action, parts, undefined));
    return then(begun, (number) => asked(host.data(numberOf(place.rights), place.service, place.database, place.collection, action, parts, number)));
  };

  class Cursor {
    #read; #settings; #changed; #documents; #next = 0;
    constructor(read, settings, changed) { this.#read = read; this.#settings = settings; this.#changed = changed; }
    static is(value) { return typeof value === "object" && value !== null && #read in value; }
    #load() {
      this.#documents ??= then(this.#read(this.#settings), (documents) => {
        if (this.#changed) for (let at = 0; at < documents.length; at++) documents[at] = this.#changed(documents[at]);
        return documents;
      });
      return this.#documents;
    }
    #set(name, value) {
      if (this.#settings === undefined) throw new TypeErrorType(`the cursor of an aggregation has no ${name}()`);
      if (this.#documents !== undefined) throw new ErrorType(`${name}() comes too late: the cursor has been read`);
      this.#settings[name] = value;
      return this;
    }
    sort(order) { return this.#set("sort", order); }
    limit(count) { return this.#set("limit", count); }
    skip(count) { return this.#set("skip", count); }
    async toArray() { const all = await this.#load(); const rest = apply(slice, all, [this.#next]); this.#next = all.length; return rest; }
    async next() { const all = await this.#load(); return this.#next < all.length ? all[this.#next++] : undefined; }
    async hasNext() { return this.#next < (await this.#load()).length; }
    async forEach(body) { for (let document; (document = await this.next()) !== undefined; ) await body(document); }
    map(change) { const before = this.#changed; return new Cursor(this.#read, this.#settings && { ...this.#settings }, before ? (document) => change(before(document)) : change); }
    async count() { return (await this.#load()).length; }
    async close() { this.#documents = PromiseType.resolve([]); }
    async *[Symbol.asyncIterator]() { for (let document; (document = await this.next()) !== undefined; ) yield document; }
  }

  const updateParts = (parts) => {
    const [, update, options] = parts;
    if (!(plain(update) || isArray(update))) throw new TypeErrorType("the update must be an object or an array");
    const { upsert, arrayFilters, bypassDocumentValidation } = optionsOf(options);
    return { filter: filterOf(parts), update, upsert, arrayFilters, bypassDocumentValidation };
  };
  const replaceParts = (parts) => {
    const [, replacement, options] = parts;
    if (!plain(replacement)) throw new TypeErrorType("the replacement must be an object");
    const { upsert, bypassDocumentValidation } = optionsOf(options);
    return { filter: filterOf(parts), replacement, upsert, bypassDocumentValidation };
  };
  const found = (options) => {
    const { upsert, sort, projection, returnNewDocument, arrayFilters, bypassDocumentValidation } = optionsOf(options);
    return { upsert, sort, projection, returnNewDocument, arrayFilters, bypassDocumentValidation };
  };
  const operationOf = (operation) => {
    if (!plain(operation)) throw new TypeErrorType("an operation of bulkWrite must be an object");
    const [name] = keys(operation);
    const value = operation[name];
    switch (name) {
      case "insertOne": return { insertOne: { document: plain(value) && plain(value.document) && keys(value).length === 1 ? value.document : value } };
      case "updateOne": case "updateMany": return { [name]: updateParts([value?.filter, value?.update, value]) };
      case "replaceOne": return { replaceOne: replaceParts([value?.filter, value?.replacement, value]) };
      case "deleteOne": case "deleteMany": return { [name]: { filter: filterOf([value?.filter]) } };
      default: throw new TypeErrorType(`bulkWrite has no operation ${name}`);
    }
  };

  class BulkFind {
    #bulk; #filter; #upsert = false; #arrayFilters;
    constructor(bulk, filter) { this.#bulk = bulk; this.#filter = filter; }
    upsert() { this.#upsert = true; return this; }
    arrayFilters(filters) { this.#arrayFilters = filters; return this; }
    #change(name, update) { return this.#bulk.raw({ [name]: { filter: this.#filter, update, upsert: this.#upsert, arrayFilters: this.#arrayFilters } }); }
    update(update) { return this.#change("updateMany", update); }
    updateOne(update) { return this.#change("updateOne", update); }
    replaceOne(replacement) { return this.#bulk.raw({ replaceOne: { filter: this.#filter, replacement, upsert: this.#upsert } }); }
    remove() { return this.#bulk.raw({ deleteMany: { filter: this.#filter } }); }
    removeOne() { return this.#bulk.raw({ deleteOne: { filter: this.#filter } }); }
    delete() { return this.remove(); }
    deleteOne() { return this.removeOne(); }
  }
  class Bulk {
    #collection; #ordered; #operations = [];
    constructor(collection, ordered) { this.#collection = collection; this.#ordered = ordered; }
    find(filter) { return new BulkFind(this, filterOf([filter])); }
    insert(document) { return this.raw({ insertOne: { document } }); }
    raw(operation) { apply(push, this.#operations, [operation]); return this; }
    async execute(options) { const operations = this.#operations; this.#operations = []; return this.#collection.bulkWrite(operations, { ...optionsOf(options), ordered: this.#ordered }); }
  }

  class Collection {
    #place;
    constructor(place) { this.#place = place; }
    get name() { return this.#place.collection; }
    find(...parts) {
      const [, projection, options] = parts;
      const place = this.#place;
      const { sort, limit, skip, session, projection: other } = optionsOf(options);
      const filter = filterOf(parts, true);
      return new Cursor((settings) => act(place, "find", { filter, projection: projection ?? other, ...settings }, { session }), { sort, limit, skip });
    }
    async findOne(...parts) {
      const [, projection, options] = parts;
      return act(this.#place, "findOne", { filter: filterOf(parts, true), projection: projection ?? optionsOf(options).projection }, options);
    }
    aggregate(pipeline, options) {
      if (!isArray(pipeline)) throw new TypeErrorType("the pipeline must be an array");
      const place = this.#place;
      return new Cursor(() => act(place, "aggregate", { pipeline }, options));
    }
    async findOneAndUpdate(...parts) { return act(this.#place, "findOneAndUpdate", { ...found(parts[2]), filter: filterOf(parts), update: updateParts(parts).update }, parts[2]); }
    async findOneAndReplace(...parts) { return act(this.#place, "findOneAndReplace", { ...found(parts[2]), filter: filterOf(parts), replacement: replaceParts(parts).replacement }, parts[2]); }
    async findOneAndDelete(...parts) { const { sort, projection } = optionsOf(parts[1]); return act(this.#place, "findOneAndDelete", { filter: filterOf(parts), sort, projection }, parts[1]); }
    async insertOne(document, options) {
      if (!plain(document)) throw new TypeErrorType("the document must be an object");
      return act(this.#place, "insertOne", { document, bypassDocumentValidation: optionsOf(options).bypassDocumentValidation }, options);
    }
    async insertMany(documents, options) {
      if (!isArray(documents) || documents.length === 0) throw new TypeErrorType("the documents must be an array that is not empty");
      const { ordered, bypassDocumentValidation } = optionsOf(options);
      return act(this.#place, "insertMany", { documents, ordered, bypassDocumentValidation }, options);
    }
    async updateOne(...parts) { return act(this.#place, "updateOne", updateParts(parts), parts[2]); }
    async updateMany(...parts) { return act(this.#place, "updateMany", updateParts(parts), parts[2]); }
    async replaceOne(...parts) { return act(this.#place, "replaceOne", replaceParts(parts), parts[2]); }
    async deleteOne(...parts) { return act(this.#place, "deleteOne", { filter: filterOf(parts) }, parts[1]); }
    async deleteMany(...parts) { return act(this.#place, "deleteMany", { filter: filterOf(parts) }, parts[1]); }
    async count(...parts) { return act(this.#place, "count", { filter: filterOf(parts, true) }, parts[1]); }
    async countDocuments(...parts) { return act(this.#place, "count", { filter: filterOf(parts, true) }, parts[1]); }
    async distinct(key, ...parts) { return act(this.#place, "distinct", { key: textOf(key, "field"), filter: filterOf(parts, true) }, parts[1]); }
    async bulkWrite(operations, options) {
      if (!isArray(operations) || operations.length === 0) throw new TypeErrorType("the operations must be an array that is not empty");
      const { ordered, bypassDocumentValidation } = optionsOf(options);
      return act(this.#place, "bulkWrite", { operations: apply(map, operations, [operationOf]), ordered, bypassDocumentValidation }, options);
    }
    initializeOrderedBulkOp() { return new Bulk(this, true); }
    initializeUnorderedBulkOp() { return new Bulk(this, false); }
    watch() { throw new TypeErrorType("watch() is not available in functions: use a trigger"); }
  }
  class Database {
    #place;
    constructor(place) { this.#place = place; }
    get name() { return this.#place.database; }
    collection(name) { return new Collection({ ...this.#place, collection: textOf(name, "name of a collection") }); }
    async getCollectionNames() { return act(this.#place, "getCollectionNames", {}); }
  }
  class Client {
    #place;
    constructor(service, rights) { this.#place = { service, rights, database: "", collection: undefined }; }
    db(name) { return new Database({ ...this.#place, database: textOf(name, "name of a database") }); }
    admin() { const place = this.#place; return { getDBNames: async () => act(place, "getDBNames", {}) }; }
    startSession() { return new Session(this.#place.service, this.#place.rights); }
  }

  for (const { prototype } of [Held, Session, Cursor, BulkFind, Bulk, Collection, Database, Client]) delete prototype.constructor;

  // --- The HTTP client ----------------------------------------------------------------------------------------------------------
  const sendBy = (service) => (method) => async (options) => {
    if (!plain(options)) throw new TypeErrorType("the argument of a request must be an object with a `url`");
    const request = { ...options, method };
    if (plain(request.body) && kindOf(request.body) === undefined && !(request.body instanceof Bytes)) {
      if (request.encodeBodyAsJSON !== true) throw new TypeErrorType("a body that is an object needs `encodeBodyAsJSON: true`");
    }
    if (request.encodeBodyAsJSON === true && request.body !== undefined) {
      request.body = host.ejson(request.body, undefined);
      delete request.encodeBodyAsJSON;
      request.json = true;
    }
    return asked(host.http(service, request));
  };
  const httpClient = (service) => {
    const send = sendBy(service);
    const client = {};
    for (const method of ["get", "post", "put", "patch", "delete", "head"]) client[method] = send(method);
    return client;
  };
  return { Client, Cursor, httpClient };
})
