/** Calls through a queue in Redis, each answered by one of 8 processes that live already: `bullmq.mjs CALLS SOCKET`. */
import { Queue, QueueEvents, Worker } from 'bullmq'
import { Redis } from 'ioredis'

const [calls, path] = [Number(process.argv[2]), process.argv[3]]
const connection = () => new Redis({ path, maxRetriesPerRequest: null })
const queue = new Queue('answers', { connection: connection() })
const events = new QueueEvents('answers', { connection: connection() })
const worker = new Worker('answers', new URL('answer.cjs', import.meta.url), { connection: connection(), concurrency: 8 })
await Promise.all([queue, events, worker].map((one) => one.waitUntilReady()))
const call = async () => await (await queue.add('answer', {})).waitUntilFinished(events)
const many = (count) => Promise.all(Array.from({ length: count }, call))
await many(16)
const started = performance.now()
const values = await many(calls)
if (values.some((value) => value !== 42)) throw new Error('A call was not answered.')
process.stdout.write(String((performance.now() - started) / calls), () => process.exit())
