// Evaluated before the prelude if the time is fixed. Only the constructor is replaced: dates keep their prototype.
(function (now) {
  'use strict';
  const Real = globalThis.Date;
  const { construct } = Reflect;
  function Date(...parts) {
    if (new.target === undefined) return new Real(now).toString();
    return construct(Real, parts.length === 0 ? [now] : parts, new.target === Date ? Real : new.target);
  }
  Object.defineProperties(Date, {
    now: { value: function () { return now; }, writable: true, configurable: true },
    parse: { value: Real.parse, writable: true, configurable: true },
    UTC: { value: Real.UTC, writable: true, configurable: true },
    length: { value: 7 },
    prototype: { value: Real.prototype, writable: false },
  });
  Object.defineProperty(Real.prototype, 'constructor', { value: Date, writable: true, configurable: true });
  Object.defineProperty(globalThis, 'Date', { value: Date, writable: true, configurable: true });
})
