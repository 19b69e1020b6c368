/** Small tasks for the tests of the runtime. */
import { z } from 'zod'
import { delay } from '../../src/core/delay.ts'
import { external } from '../../src/core/external.ts'
import { join } from '../../src/core/join.ts'
import { task } from '../../src/core/task.ts'

export const sleep = task(async ({ duration = 5 }: { duration?: number }) => {
  await delay(duration * 1_000)
  return { duration }
})

export const parallel = task(async () => await join([sleep({ duration: 5 }), sleep({ duration: 5 })]))

export const half = task({
  input: z.object({ n: z.number().multipleOf(2), from: z.date().optional() }),
  output: z.number(),
  async run({ n }) {
    return n / 2
  },
})

export const quarter = task(async ({ n }: { n: number }) => await half({ n: await half({ n }) }))

export const counter = task({
  state: () => ({ count: 0 }),
  rpc: {
    add(n: number) {
      return (this.count += n)
    },
  },
  async run(_: {}, { state, signal }) {
    while (state.count < 10) await delay('1ms', { signal })
    return state.count
  },
})

export const numbers = task(async function* ({ to }: { to: number }) {
  for (let n = 1; n <= to; n++) yield n
  return to
})

export const train = external<typeof half>('jobs/train:train')

/** Calls itself once on each level below. */
export const deep = task({
  async run({ level }: { level: number }): Promise<number> {
    return level === 0 ? 0 : 1 + (await deep({ level: level - 1 }))
  },
})
