import { task, any, asCompleted, delay, group, join, limit, Queue, Semaphore, settled, wait } from 'cowait'

export const load = task(async ({ page, ms = 10 }: { page: string; ms?: number }) => {
  await delay(ms)
  if (page === 'missing') throw new RangeError('no such page')
  return `<${page}>`
})

export const together = task(async () => {
  const [home, about] = await join([load({ page: 'home' }), load({ page: 'about' })])
  const named = await join({ news: load({ page: 'news' }), blog: load({ page: 'blog' }) })
  return [home, about, named.news, named.blog]
})

export const whateverHappens = task(async () => {
  const outcomes = await settled([load({ page: 'home' }), load({ page: 'missing' })])
  return outcomes.map((outcome) => (outcome.ok ? outcome.value : outcome.error.name))
})

export const fastest = task(async () => {
  const mirror = await any([load({ page: 'missing' }), load({ page: 'mirror' })])
  const order: string[] = []
  for await (const { value } of asCompleted([load({ page: 'slow', ms: 800 }), load({ page: 'fast' })])) order.push(value)
  return [mirror, ...order]
})

export const soFar = task(async () => {
  const runs = [load({ page: 'home' }), load({ page: 'endless', ms: 60_000 })]
  const { done, pending } = await wait(runs, { until: 'first' })
  return { done: done.length, pending: pending.length }
})

export const inGroups = task(async () => {
  const pages: string[] = []
  await group(async () => {
    const keep = async (page: string) => void pages.push(await load({ page }))
    await Promise.all([keep('home'), keep('about')])
    void load({ page: 'news' })
  })
  return pages.toSorted()
})

export const polite = task(async () => {
  const site = limit('site', { concurrency: 2, perSecond: 20 })
  return await site.run(() => load({ page: 'home' }))
})

export const pipeline = task(async () => {
  const found = new Queue<string>(10)
  const twoAtOnce = new Semaphore(2)
  const pages: string[] = []
  const search = async () => {
    for (const page of ['home', 'about', 'news']) await found.put(page)
    found.close()
  }
  const read = async () => {
    for await (const page of found) pages.push(await twoAtOnce.run(() => load({ page })))
  }
  await Promise.all([search(), read(), read()])
  return pages.toSorted()
})
