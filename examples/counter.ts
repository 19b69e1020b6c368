import { task, TaskClass, rpc, delay } from 'cowait'
import { z } from 'zod'
class Counter extends TaskClass<{ reached?(n: number): void }> {
  static input = z.object({ until: z.int().default(3) })
  static options = { memory: '128m' } as const
  count = 0
  add = rpc((by: number) => (this.count += by))
  override async init() {
    console.log('hello from', this.ctx.id)
  }
  async run({ until }: z.output<typeof Counter.input>) {
    while (this.count < until) await delay(10)
    await this.parent.reached?.(this.count)
    return { count: this.count }
  }
}
export const counter = task(Counter)
export const useCounter = task(async () => {
  const c = counter({ until: 5 }, { handlers: { reached: (n) => console.log('at', n) } })
  await c.rpc.add(5)
  return await c
})
