import { task, contract, delay } from 'cowait'
export const worker = task({
  parent: contract<{ progress(p: { done: number }): void; limit(): number }>(),
  state: () => ({ done: 0, paused: false }),
  rpc: {
    pause() {
      this.paused = true
    },
    resume() {
      this.paused = false
      return this.done
    },
    async *ticks(n: number) {
      for (let i = 0; i < n; i++) yield i
    },
  },
  async run({ jobs }: { jobs: number }, { state, parent }) {
    const limit = await parent.limit()
    while (state.done < Math.min(jobs, limit)) {
      await delay(20)
      if (!state.paused) await parent.progress({ done: ++state.done })
    }
    return state.done
  },
})
export const boss = task(async () => {
  const run = worker({ jobs: 10 }, { handlers: { progress: (p) => console.log('done', p.done), limit: () => 5 } })
  await run.rpc.pause()
  for await (const t of run.rpc.ticks(3)) console.log('tick', t)
  return { before: await run.rpc.resume(), total: await run }
})
