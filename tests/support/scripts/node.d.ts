// What the scripts' tests use of node. @types/node would say more, and change the browser's setTimeout for the scripts.

declare module "node:assert/strict" {
  type Expected = object | ((problem: any) => boolean);

  interface Assert {
    ok(value: unknown, message?: string): asserts value;
    equal<T>(actual: unknown, expected: T, message?: string): asserts actual is T;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    match(text: string, pattern: RegExp, message?: string): void;
    rejects(promise: Promise<unknown>, expected?: Expected): Promise<void>;
  }

  const assert: Assert;
  export default assert;
}

declare module "node:module" {
  export function register(specifier: string): void;
}

declare module "node:test" {
  interface Context {
    mock: { timers: { enable(options: { apis: string[] }): void; tick(milliseconds: number): void } };
  }

  export default function test(name: string, run: (context: Context) => void | Promise<void>): void;
}

declare function setImmediate(run: () => void): void;
