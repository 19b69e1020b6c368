/** Calls of a pool of 8 threads that live already: `piscina.mjs CALLS`, in a folder where piscina is installed. */
import { Piscina } from 'piscina'

const calls = Number(process.argv[2])
const pool = new Piscina({ filename: new URL('answer.cjs', import.meta.url).href, minThreads: 8, maxThreads: 8 })
const many = (count) => Promise.all(Array.from({ length: count }, () => pool.run({})))
await many(16)
const started = performance.now()
await many(calls)
process.stdout.write(String((performance.now() - started) / calls))
await pool.destroy()
