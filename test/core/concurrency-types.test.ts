import { expectTypeOf, test } from 'vitest'
import {
  any,
  asCompleted,
  group,
  join,
  map,
  mapStream,
  race,
  settled,
  shield,
  task,
  timeout,
  wait,
  type Settled,
  type TaskRun,
} from '../../src/index.ts'

const square = task(async ({ n }: { n: number }) => n * n)
const shout = task(async ({ text }: { text: string }) => text.toUpperCase())

const counter = task(async function* ({ upTo }: { upTo: number }) {
  yield upTo
  return 'counted'
})

/** Checked by the compiler; never called, so that nothing starts. */
const promises = {
  async join() {
    expectTypeOf(await join([square({ n: 1 }), shout({ text: 'a' }), 'plain'])).toEqualTypeOf<[number, string, 'plain']>()
    expectTypeOf(await join([1, 2].map((n) => square({ n })))).toEqualTypeOf<number[]>()
    expectTypeOf(await join(new Set([square({ n: 1 })]))).toEqualTypeOf<number[]>()
    expectTypeOf(await join({ a: square({ n: 1 }), b: shout({ text: 'a' }) })).toEqualTypeOf<{ a: number; b: string }>()
    // @ts-expect-error no such way
    void join([square({ n: 1 })], { onError: 'ignore' })
  },
  async outcomes() {
    expectTypeOf(await settled([square({ n: 1 }), shout({ text: 'a' })])).toEqualTypeOf<[Settled<number>, Settled<string>]>()
    expectTypeOf(await settled([1].map((n) => square({ n })))).toEqualTypeOf<Settled<number>[]>()
    expectTypeOf(await race([square({ n: 1 }), shout({ text: 'a' })])).toEqualTypeOf<number | string>()
    expectTypeOf(await any([square({ n: 1 }), shout({ text: 'a' })])).toEqualTypeOf<number | string>()
    expectTypeOf(await wait([square({ n: 1 })])).toEqualTypeOf<{ done: TaskRun<number>[]; pending: TaskRun<number>[] }>()
    // @ts-expect-error only runs can be waited for without being looked at
    void wait([Promise.resolve(1)])
    for await (const { index, run, value } of asCompleted([square({ n: 1 })])) {
      expectTypeOf(index).toEqualTypeOf<number>()
      expectTypeOf(run).toEqualTypeOf<TaskRun<number>>()
      expectTypeOf(value).toEqualTypeOf<number>()
    }
  },
  async map() {
    expectTypeOf(await map(square, [{ n: 1 }], { concurrency: 2, options: { memory: '1g' } })).toEqualTypeOf<number[]>()
    expectTypeOf(await map(async (n: number, index: number) => `${index}${n}`, new Set([1]))).toEqualTypeOf<string[]>()
    for await (const each of mapStream(square, [{ n: 1 }])) {
      expectTypeOf(each.item).toEqualTypeOf<{ n: number }>()
      expectTypeOf(each.value).toEqualTypeOf<number>()
    }
    expectTypeOf(await map(counter, [{ upTo: 1 }])).toEqualTypeOf<string[]>()
    // @ts-expect-error the items are not the task's input
    void map(square, [{ m: 1 }])
    // @ts-expect-error neither a task nor a function
    void map([1], [1])
  },
  async bodies() {
    expectTypeOf(await group(async () => 'value')).toEqualTypeOf<string>()
    expectTypeOf(await timeout('1s', () => square({ n: 1 }))).toEqualTypeOf<number>()
    expectTypeOf(shield(() => square({ n: 1 }))).toEqualTypeOf<TaskRun<number>>()
    expectTypeOf(group.open().add(square({ n: 1 }))).toEqualTypeOf<TaskRun<number>>()
    // @ts-expect-error no such unit
    void timeout('1 fortnight', () => 1)
  },
}

test('the types of the concurrency words', () => expectTypeOf(promises).not.toBeAny())
