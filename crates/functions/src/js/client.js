// The clients that `context.services.get` returns: MongoDB and HTTP.
(function (core) {
  "use strict";
  const { host, Held, kindOf, numberOf, asked, then, keys, isArray, append, create, freeze, getPrototypeOf, objectPrototype, resolved, ErrorType, TypeErrorType, Bytes } = core;

  // --- The MongoDB client -------------------------------------------------------------------------------------------------------
  const textOf = (value, what) => {
    if (typeof value !== "string" || value === "") throw new TypeErrorType(`the ${what} must be a string that is not empty`);
    return value;
  };
  const plain = (value) => typeof value === "object" && value !== null && !isArray(value);
  // The options of actions. Unknown ones are errors: a misspelt `{sesion}` would act outside of the transaction, and `{returnDocument}`
  // would return another document. Options that affect neither the matched documents nor the result are accepted and ignored.
  const known = (...names) => {
    const all = { __proto__: null, session: true, maxTimeMS: true, comment: true, hint: true, readConcern: true, readPreference: true, writeConcern: true };
    for (let at = 0; at < names.length; at++) all[names[at]] = true;
    return all;
  };
  const OPTIONS = {
    find: known("sort", "limit", "skip", "projection"), findOne: known("projection"), aggregate: known("allowDiskUse", "batchSize"),
    count: known(), distinct: known(), delete: known(), insertOne: known("bypassDocumentValidation"), insertMany: known("ordered", "bypassDocumentValidation"),
    update: known("upsert", "arrayFilters", "bypassDocumentValidation"), replace: known("upsert", "bypassDocumentValidation"),
    findOneAndUpdate: known("upsert", "sort", "projection", "returnNewDocument", "arrayFilters", "bypassDocumentValidation"),
    findOneAndReplace: known("upsert", "sort", "projection", "returnNewDocument", "bypassDocumentValidation"),
    findOneAndDelete: known("sort", "projection"), bulkWrite: known("ordered", "bypassDocumentValidation"),
    bulkUpdate: known("filter", "update", "upsert", "arrayFilters"), bulkReplace: known("filter", "replacement", "upsert"), bulkDelete: known("filter"),
  };
  const optionsOf = (value, known) => {
    const options = create(null);
    if (value === undefined || value === null) return options;
    const prototype = plain(value) ? getPrototypeOf(value) : undefined;
    if (prototype !== objectPrototype && prototype !== null) throw new TypeErrorType("the options must be a plain object");
    const names = keys(value);
    for (let at = 0; at < names.length; at++) {
      if (known[names[at]] !== true) throw new TypeErrorType(`the option \`${names[at]}\` is not known`);
      options[names[at]] = value[names[at]];
    }
    return options;
  };
  // If a read has no argument, its filter is empty. An argument that is `undefined` is an error, since it would match everything.
  const filterOf = (parts, optional) => {
    if (parts.length === 0 && optional) return {};
    if (!plain(parts[0])) throw new TypeErrorType(parts.length === 0 ? "a filter is needed" : "the filter must be an object");
    return parts[0];
  };
  // The projection is an argument of its own or, as in MongoDB's drivers, an option. Ignoring one of two would return fields that the
  // function leaves out.
  const projectionOf = (given, { projection }) => {
    if (projection === undefined || projection === null) return given;
    if (given === undefined || given === null || (plain(given) && keys(given).length === 0)) return projection;
    throw new TypeErrorType("the projection is given twice: as the second argument and among the options");
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
    const session = options?.session;
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
    async toArray() { const all = await this.#load(); const rest = []; for (; this.#next < all.length; this.#next++) append(rest, all[this.#next]); return rest; }
    async next() { const all = await this.#load(); return this.#next < all.length ? all[this.#next++] : undefined; }
    async hasNext() { return this.#next < (await this.#load()).length; }
    async forEach(body) { for (let document; (document = await this.next()) !== undefined; ) await body(document); }
    map(change) { const before = this.#changed; return new Cursor(this.#read, this.#settings && { ...this.#settings }, before ? (document) => change(before(document)) : change); }
    async count() { return (await this.#load()).length; }
    async close() { this.#documents = resolved([]); }
    async *[Symbol.asyncIterator]() { for (let document; (document = await this.next()) !== undefined; ) yield document; }
  }

  const changed = (update) => { if (!(plain(update) || isArray(update))) throw new TypeErrorType("the update must be an object or an array"); return update; };
  const replacing = (replacement) => { if (!plain(replacement)) throw new TypeErrorType("the replacement must be an object"); return replacement; };
  const operationOf = (operation) => {
    if (!plain(operation)) throw new TypeErrorType("an operation of bulkWrite must be an object");
    const names = keys(operation), name = names[0];
    if (names.length > 1) throw new TypeErrorType("an operation of bulkWrite has one key");
    const value = operation[name];
    const given = (known) => { const { filter, update, replacement, upsert, arrayFilters } = optionsOf(value, known); return { filter: filterOf([filter]), update, replacement, upsert, arrayFilters }; };
    switch (name) {
      case "insertOne": return { insertOne: { document: plain(value) && plain(value.document) && keys(value).length === 1 ? value.document : value } };
      case "updateOne": case "updateMany": { const parts = given(OPTIONS.bulkUpdate); changed(parts.update); return { [name]: parts }; }
      case "replaceOne": { const parts = given(OPTIONS.bulkReplace); replacing(parts.replacement); return { replaceOne: parts }; }
      case "deleteOne": case "deleteMany": return { [name]: given(OPTIONS.bulkDelete) };
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
    raw(operation) { append(this.#operations, operation); return this; }
    async execute(options) { const operations = this.#operations; this.#operations = []; return this.#collection.bulkWrite(operations, { ...optionsOf(options, OPTIONS.bulkWrite), ordered: this.#ordered }); }
  }

  class Collection {
    #place;
    constructor(place) { this.#place = place; }
    get name() { return this.#place.collection; }
    find(...parts) {
      const place = this.#place, filter = filterOf(parts, true), options = optionsOf(parts[2], OPTIONS.find);
      const { sort, limit, skip } = options, projection = projectionOf(parts[1], options);
      return new Cursor((settings) => act(place, "find", { filter, projection, ...settings }, options), { sort, limit, skip });
    }
    async findOne(...parts) {
      const options = optionsOf(parts[2], OPTIONS.findOne);
      return act(this.#place, "findOne", { filter: filterOf(parts, true), projection: projectionOf(parts[1], options) }, options);
    }
    aggregate(pipeline, given) {
      if (!isArray(pipeline)) throw new TypeErrorType("the pipeline must be an array");
      const place = this.#place, options = optionsOf(given, OPTIONS.aggregate);
      return new Cursor(() => act(place, "aggregate", { pipeline }, options));
    }
    #change(action, known, parts, change) {
      const options = optionsOf(parts[2], known);
      const { upsert, sort, projection, returnNewDocument, arrayFilters, bypassDocumentValidation } = options;
      return act(this.#place, action, { filter: filterOf(parts), ...change, upsert, sort, projection, returnNewDocument, arrayFilters, bypassDocumentValidation }, options);
    }
    #remove(action, known, parts) {
      const options = optionsOf(parts[1], known), { sort, projection } = options;
      return act(this.#place, action, { filter: filterOf(parts), sort, projection }, options);
    }
    async findOneAndUpdate(...parts) { return this.#change("findOneAndUpdate", OPTIONS.findOneAndUpdate, parts, { update: changed(parts[1]) }); }
    async findOneAndReplace(...parts) { return this.#change("findOneAndReplace", OPTIONS.findOneAndReplace, parts, { replacement: replacing(parts[1]) }); }
    async findOneAndDelete(...parts) { return this.#remove("findOneAndDelete", OPTIONS.findOneAndDelete, parts); }
    async insertOne(document, given) {
      if (!plain(document)) throw new TypeErrorType("the document must be an object");
      const options = optionsOf(given, OPTIONS.insertOne);
      return act(this.#place, "insertOne", { document, bypassDocumentValidation: options.bypassDocumentValidation }, options);
    }
    async insertMany(documents, given) {
      if (!isArray(documents) || documents.length === 0) throw new TypeErrorType("the documents must be an array that is not empty");
      const options = optionsOf(given, OPTIONS.insertMany), { ordered, bypassDocumentValidation } = options;
      return act(this.#place, "insertMany", { documents, ordered, bypassDocumentValidation }, options);
    }
    async updateOne(...parts) { return this.#change("updateOne", OPTIONS.update, parts, { update: changed(parts[1]) }); }
    async updateMany(...parts) { return this.#change("updateMany", OPTIONS.update, parts, { update: changed(parts[1]) }); }
    async replaceOne(...parts) { return this.#change("replaceOne", OPTIONS.replace, parts, { replacement: replacing(parts[1]) }); }
    async deleteOne(...parts) { return this.#remove("deleteOne", OPTIONS.delete, parts); }
    async deleteMany(...parts) { return this.#remove("deleteMany", OPTIONS.delete, parts); }
    async count(...parts) { return act(this.#place, "count", { filter: filterOf(parts, true) }, optionsOf(parts[1], OPTIONS.count)); }
    async countDocuments(...parts) { return act(this.#place, "count", { filter: filterOf(parts, true) }, optionsOf(parts[1], OPTIONS.count)); }
    async distinct(key, ...parts) { return act(this.#place, "distinct", { key: textOf(key, "field"), filter: filterOf(parts, true) }, optionsOf(parts[1], OPTIONS.distinct)); }
    async bulkWrite(given, more) {
      if (!isArray(given) || given.length === 0) throw new TypeErrorType("the operations must be an array that is not empty");
      const options = optionsOf(more, OPTIONS.bulkWrite), { ordered, bypassDocumentValidation } = options;
      const operations = [];
      for (let at = 0; at < given.length; at++) append(operations, operationOf(given[at]));
      return act(this.#place, "bulkWrite", { operations, ordered, bypassDocumentValidation }, options);
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

  // One by one: in a loop over an array, code that has replaced the array iterator could get hold of these constructors.
  delete Held.prototype.constructor; delete Session.prototype.constructor; delete Cursor.prototype.constructor; delete BulkFind.prototype.constructor;
  delete Bulk.prototype.constructor; delete Collection.prototype.constructor; delete Database.prototype.constructor; delete Client.prototype.constructor;
  // If code could replace a method, that would receive the handles of functions with other rights as `this`.
  freeze(Session.prototype); freeze(Cursor.prototype); freeze(BulkFind.prototype); freeze(Bulk.prototype);
  freeze(Collection.prototype); freeze(Database.prototype); freeze(Client.prototype);

  // --- The HTTP client ----------------------------------------------------------------------------------------------------------
  const sendBy = (service, rights) => (method) => async (options) => {
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
    return asked(host.http(service, rights === undefined ? undefined : numberOf(rights), request));
  };
  const httpClient = (service, rights) => {
    const send = sendBy(service, rights);
    return { get: send("get"), post: send("post"), put: send("put"), patch: send("patch"), delete: send("delete"), head: send("head") };
  };
  return { Client, Cursor, httpClient };
})
