/**
 * For tests of tasks, in any test runner.
 *
 * @example
 * test('two sleeps', async () => {
 *   await using rt = createTestRuntime()
 *   rt.mock(sleep, async ({ duration = 5 }) => ({ duration }))
 *   expect(await rt.run(parallel)).toEqual([{ duration: 5 }, { duration: 5 }])
 * })
 */
export type { Fault, TestRuntime, TestRuntimeOptions } from './types.ts'
export { createTestRuntime } from './create-test-runtime.ts'
