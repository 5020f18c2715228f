// The two node modules that the unit tests use, so that they are type checked without all of @types/node, whose globals would
// also make browser code accept `process` and `Buffer`.
declare module "node:test" {
  export function test(name: string, body: () => void | Promise<void>): void;
}
declare module "node:assert/strict" {
  interface Assert {
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    ok(value: unknown, message?: string): asserts value;
    throws(body: () => unknown, expected?: RegExp): void;
  }
  const assert: Assert;
  export default assert;
}
declare module "*.css";

declare module "node:fs" {
  export function readFileSync(path: string, encoding: string): string;
}
