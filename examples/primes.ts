import { task } from 'cowait'
export const primes = task(async function* ({ below }: { below: number }, { progress }) {
  let found = 0
  for (let n = 2, prime = true; n < below; n++, prime = true) {
    progress(n, { total: below })
    for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0
    if (prime) {
      found++
      yield n
    }
  }
  return found
})
export const consume = task(async () => {
  const run = primes({ below: 100 }),
    endless = primes({ below: 1e9 }),
    few: number[] = []
  using _ = run.on('progress', (p) => console.log(p.value, '/', p.total))
  for await (const p of run) console.log(p)
  for await (const p of endless) {
    few.push(p)
    if (few.length === 3) break
  } // leaving the loop cancels the task
  return { found: await run, few, status: endless.status }
})
