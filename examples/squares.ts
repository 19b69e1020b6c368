import { task, map, mapStream } from 'cowait'

export const square = task(async ({ n }: { n: number }) => n * n)
export const sumOfSquares = task(async ({ upTo = 4 }: { upTo?: number }) => {
  const items = Array.from({ length: upTo }, (_, i) => ({ n: i + 1 }))
  const all = await map(square, items, { concurrency: 2 })
  for await (const { item, value } of mapStream(square.with({ memory: '128m' }), items)) console.log(item.n, value)
  return all.reduce((a, b) => a + b, 0)
})
